/** Upper ends of the steps that calls are counted in, in milliseconds; the last step has none. */
const ends = [
  1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000,
  5_000, 7_000, 10_000,
]
/** No answer takes longer: it is the most that REQUEST_TIMEOUT_MS may be. */
const longestMs = 15_000

export const steps = ends.length + 1

/** The step that a call of this duration is counted in. */
export function stepOf(durationMs: number): number {
  const step = ends.findIndex((end) => durationMs <= end)
  return step === -1 ? ends.length : step
}

/** What 95 of 100 calls did not take longer than, rounded up to the end of a step. */
export function p95Of(counts: readonly number[]): number {
  let left = counts.reduce((sum, count) => sum + count, 0) * 0.95
  const step = counts.findIndex((count) => (left -= count) <= 0)
  return ends[step] ?? longestMs
}
