import { builder } from './builder.ts'

/** What every event of a subscription carries. */
export interface LiveEvent {
  /** Rises from event to event of one subscription. */
  sequence: number
  /** When it came to be as the event shows it. */
  at: Date
}

/** An event on its way to a subscriber. */
export type Resumable<Event extends LiveEvent> = Event & { resumeToken: string }

export const EventInterface = builder.interfaceRef<Resumable<LiveEvent>>('Event').implement({
  description:
    'Tells how things are, not what was done to them: a subscriber who reads slowly gets fewer events, the last of them always.',
  fields: (t) => ({
    sequence: t.expose('sequence', {
      type: 'BigInt',
      description: 'Greater than that of the event before.',
    }),
    resumeToken: t.exposeString('resumeToken', {
      description: 'Pass it as `after` to go on behind this event.',
    }),
    at: t.expose('at', { type: 'DateTime' }),
  }),
})
