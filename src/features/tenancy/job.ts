export const jobStatuses = [
  'pending',
  'running',
  'cancelling',
  'completed',
  'completed_with_errors',
  'failed',
  'cancelled',
] as const
export type JobStatus = (typeof jobStatuses)[number]

type Maybe<T> = T | null | undefined

/** What all jobs that the API shows have in common, whatever they do. */
export interface Job {
  tenantId: string
  status: JobStatus
  targetCount: number
  /** Of `targetCount`, done so far. */
  progress: number
  errorMessage?: Maybe<string>
  /** Who asked for it. */
  userId?: Maybe<string>
  createdAt: Date
  startedAt?: Maybe<Date>
  completedAt?: Maybe<Date>
}
