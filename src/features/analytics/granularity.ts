export const granularities = ['HOUR', 'DAY', 'WEEK', 'MONTH'] as const
export type Granularity = (typeof granularities)[number]

export interface Range {
  from: Date
  to: Date
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** How far back one question may reach; rows by the hour are many. */
export function maxDaysOf(granularity: Granularity): number {
  return granularity === 'HOUR' ? 31 : 400
}

/** The range as it is counted, by whole hours or days of UTC: nothing that was asked for is left out. */
export function roundRange({ from, to }: Range, granularity: Granularity): Range {
  const unit = granularity === 'HOUR' ? hourMs : dayMs
  return { from: floor(from, unit), to: ceil(to, unit) }
}

/** The days that have the range in them: as partitions go. */
export function daysOf({ from, to }: Range): Range {
  return { from: floor(from, dayMs), to: ceil(to, dayMs) }
}

const bucketMs: Record<Granularity, number> = {
  HOUR: hourMs,
  DAY: dayMs,
  WEEK: 7 * dayMs,
  MONTH: 28 * dayMs,
}

/** At most so many points has a series over this range. */
export function countBuckets({ from, to }: Range, granularity: Granularity): number {
  const whole = Math.ceil((to.getTime() - from.getTime()) / bucketMs[granularity])
  // A range that begins within a week or month touches one more.
  return bucketMs[granularity] > dayMs ? whole + 1 : whole
}

function floor(time: Date, unit: number): Date {
  return new Date(Math.floor(time.getTime() / unit) * unit)
}

function ceil(time: Date, unit: number): Date {
  return new Date(Math.ceil(time.getTime() / unit) * unit)
}
