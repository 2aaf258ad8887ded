import { type WriteKind, writeKinds, type WriteTimes, zerodbLatencyMs } from './writes.ts'

interface Percentiles {
  p50Ms: number
  p95Ms: number
}

export interface WritesReport {
  zerodbLatencyMs: number
  /** Plain inserts into ZeroDB, made between the writes. */
  roundTrip: Percentiles
  /** What a write may take longer than a round trip, at the median. */
  boundMs: number
  /** `own` is the gateway's own part: what is left of the request without the median round trip. */
  kinds: Record<WriteKind, { request: Percentiles; own: Percentiles }>
  times: WriteTimes
}

const boundMs = 25

const titles: Record<WriteKind, string> = {
  body: 'new body',
  metadata: 'new title and tags',
  status: 'publish, unpublish',
}

export function summarizeWrites(times: WriteTimes): WritesReport {
  const roundTrip = percentilesOf(times.insert)
  const kinds = writeKinds.map((kind) => {
    const own = times[kind].map((ms) => ms - roundTrip.p50Ms)
    return [kind, { request: percentilesOf(times[kind]), own: percentilesOf(own) }]
  })
  return {
    zerodbLatencyMs,
    roundTrip,
    boundMs,
    kinds: Object.fromEntries(kinds) as WritesReport['kinds'],
    times,
  }
}

function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b)
  const nearestRank = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN
  return { p50Ms: nearestRank(0.5), p95Ms: nearestRank(0.95) }
}

/** The table that people read. */
export function renderWrites({ roundTrip, kinds, times }: WritesReport): string {
  const rows = writeKinds.map((kind) => {
    const { request, own } = kinds[kind]
    const verdict = own.p50Ms <= boundMs ? 'reached' : 'MISSED'
    return [titles[kind], ...cells(request), ...cells(own), `≤ ${boundMs}: ${verdict}`]
  })
  const head = ['', 'p50 ms', 'p95 ms', 'own p50', 'own p95', 'target']
  return [
    `writes: one content, one client, ${times.body.length} of each kind, ZeroDB ${zerodbLatencyMs} ms slower`,
    ...[head, ['ZeroDB round trip', ...cells(roundTrip)], ...rows].map((line) =>
      `  ${line.map(pad).join('')}`.trimEnd(),
    ),
    '  own: the request without the median round trip',
    '',
  ].join('\n')
}

function cells({ p50Ms, p95Ms }: Percentiles): string[] {
  return [p50Ms.toFixed(1), p95Ms.toFixed(1)]
}

function pad(cell: string, column: number): string {
  return cell.padEnd(column === 0 ? 20 : 10)
}
