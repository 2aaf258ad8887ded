const dayMs = 24 * 3_600_000

/** Whole days in UTC: the partitions that hold these times, and no other is read. Of none, no day. */
export function daysOf(times: readonly Date[]): { from: Date; to: Date } {
  const days = times.map((time) => Math.floor(time.getTime() / dayMs))
  const first = days.reduce((a, b) => Math.min(a, b), days[0] ?? 0)
  const last = days.reduce((a, b) => Math.max(a, b), first - 1)
  return { from: new Date(first * dayMs), to: new Date((last + 1) * dayMs) }
}
