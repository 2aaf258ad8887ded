import { type ReadMode, readModes } from '../../lib/viewer.ts'
import { type StoreReport, storeKinds } from '../../platform/store-health.ts'

/** What a watcher of the stores is told. */
export interface StoreNews {
  sequence: number
  at: Date
  report: StoreReport
  readMode: ReadMode
  /** The read mode and the states that are known behind this event, in the order of `storeKinds`. */
  note: string
}

/**
 * A piece of news for each store whose state is not the one known at `place`, or for each of them when the
 * read mode is another. Numbered by the clock: whoever comes back, to any instance, is told what differs.
 */
export function healthNews(
  now: { reports: readonly StoreReport[]; readMode: ReadMode | null },
  place: { sequence: number; note: string | null } | null,
): { events: StoreNews[] } {
  const [knownMode = '', ...states] = place?.note?.split(' ') ?? []
  const readMode = now.readMode ?? readModes.find((mode) => mode === knownMode) ?? 'auto'
  const stateOf = new Map(storeKinds.map((store, index) => [store, states[index] ?? '']))
  const changed = now.reports.filter(
    ({ store, state }) => state !== stateOf.get(store) || readMode !== knownMode,
  )
  const first = Math.max(Date.now(), (place?.sequence ?? 0) + 1)
  const events = changed.map((report, index): StoreNews => {
    stateOf.set(report.store, report.state)
    // Before the last of them the mode is not known for all.
    const mode = index === changed.length - 1 ? readMode : knownMode
    const note = [mode, ...stateOf.values()].join(' ')
    return { sequence: first + index, at: report.since, report, readMode, note }
  })
  return { events }
}
