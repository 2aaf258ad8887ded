/** One load job's worth: what BigQuery takes at ease, and what a worker holds in memory. */
export const maxBatchEvents = 10_000
export const maxBatchBytes = 64 * 1024 ** 2

/** How long the first event waits for company: 720 load jobs a day when there is always one. */
const patienceSeconds = 120
/** BigQuery allows 1,500 load jobs a table and day; from here on only what is full or overdue leaves. */
const thriftyAfterJobs = 1_000
/** Between two batches that are not full, whoever asks for them. */
export const minGapSeconds = 60

/** What waits to be copied, and what was sent lately. */
export interface Waiting {
  /** Counted up to `maxBatchEvents`. */
  events: number
  bytes: number
  oldestSeconds: number
  /** Load jobs of the last 24 hours, failed ones too. */
  jobsToday: number
  /** Since the last batch was made. */
  gapSeconds: number
}

/** Whether a batch leaves now; `isAsked` is somebody who does not want to wait. */
export function isDue(
  waiting: Waiting,
  { intervalMinutes, isAsked }: { intervalMinutes: number; isAsked: boolean },
): boolean {
  const { events, bytes, oldestSeconds, jobsToday, gapSeconds } = waiting
  if (events === 0) return false
  if (events >= maxBatchEvents || bytes >= maxBatchBytes) return true
  // What was refused is old already when it comes again.
  if (gapSeconds < minGapSeconds) return false
  const overdueSeconds = intervalMinutes * 60
  if (jobsToday >= thriftyAfterJobs)
    return oldestSeconds >= Math.max(patienceSeconds, overdueSeconds)
  if (isAsked) return true
  return oldestSeconds >= Math.min(patienceSeconds, overdueSeconds)
}
