import { decodeCursor, encodeCursor, InvalidCursorError } from '../lib/cursor.ts'
import { UpstreamError } from '../lib/errors.ts'
import { badUserInput } from './bad-user-input.ts'
import type { Events } from '../platform/events.ts'
import type { LiveEvent, Resumable } from './event.ts'

/** Up to where a subscriber knows everything. */
export interface Place {
  sequence: number
  /** What the next event is compared with, if it is compared with anything. */
  note: string | null
}

/** What there is to tell beyond a place. */
export interface News<Event> {
  /** By rising sequence. */
  events: readonly (Event & { note?: string })[]
  /** Up to here nothing was left out, though not everything may be told to this viewer. */
  upTo?: number
  /** More is there already. */
  hasMore?: boolean
  /** Nothing will ever come after these. */
  isOver?: boolean
}

export interface Watched<Event> {
  /** What its resume tokens belong to, e.g. `generationJob:<id>`. */
  name: string
  /** Whose announcements are waited for. */
  topics: readonly string[]
  /** What lies beyond `place`; null is where those begin who bring no token. */
  read: (place: Place | null) => Promise<News<Event>>
}

interface Deps {
  /** What wakes the watcher: announcements, or a clock. */
  events: Pick<Events, 'wakeUps'>
  signal: AbortSignal
}

/**
 * The events of one subscription: what `read` finds, again after each wake-up. State is sent, not
 * messages: nothing is read before the subscriber has taken what was found last, so whoever is slow
 * misses steps and never the end. Resolves when the first state is known. Throws BAD_USER_INPUT for
 * a token of another subscription, and whatever the first read throws.
 */
export async function watch<Event extends LiveEvent>(
  { events, signal }: Deps,
  watched: Watched<Event>,
  after: string | null | undefined,
): Promise<AsyncGenerator<Resumable<Event>, void>> {
  const wakeUps = events.wakeUps(watched.topics, signal)
  // The first comes at once; what is announced from here on is not missed.
  await wakeUps.next()
  const place = after == null ? null : readToken(watched.name, after)
  return follow(wakeUps, watched, place, await watched.read(place))
}

async function* follow<Event extends LiveEvent>(
  wakeUps: AsyncIterator<undefined, void>,
  watched: Watched<Event>,
  from: Place | null,
  first: News<Event>,
): AsyncGenerator<Resumable<Event>, void> {
  let place = from
  let news: News<Event> | undefined = first
  while (news) {
    for (const { note = null, ...event } of news.events) {
      const { sequence } = event
      if (place && sequence <= place.sequence) continue
      place = { sequence, note }
      yield { ...event, resumeToken: writeToken(watched.name, place) } as Resumable<Event>
    }
    if (news.isOver) return
    const upTo: number = news.upTo ?? 0
    if (upTo > (place?.sequence ?? 0)) place = { sequence: upTo, note: place?.note ?? null }
    if (!news.hasMore && (await wakeUps.next()).done) return
    news = await readAgain(wakeUps, watched, place)
  }
}

/** While PostgreSQL is away nothing new is known; undefined when the subscriber has gone meanwhile. */
async function readAgain<Event>(
  wakeUps: AsyncIterator<undefined, void>,
  watched: Watched<Event>,
  place: Place | null,
): Promise<News<Event> | undefined> {
  for (;;) {
    try {
      return await watched.read(place)
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
    }
    if ((await wakeUps.next()).done) return undefined
  }
}

function writeToken(name: string, { sequence, note }: Place): string {
  return encodeCursor(name, [String(sequence), note])
}

function readToken(name: string, token: string): Place {
  try {
    const [sequence = null, note = null] = decodeCursor(token, name, 2)
    if (sequence !== null && /^\d{1,15}$/.test(sequence))
      return { sequence: Number(sequence), note }
  } catch (error) {
    if (!(error instanceof InvalidCursorError)) throw error
  }
  throw badUserInput('after must be a resumeToken of this very subscription.')
}
