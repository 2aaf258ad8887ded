import type { RestoreJob } from './restore-job.entity.ts'
import { emptyTally, type RestoreTally } from './restore-tally.ts'

/** All there is to say of a restore, so far or at its end; times are ISO 8601. */
export interface RestoreReport extends RestoreTally {
  tenantId: string
  jobId: string
  status: string
  asOf: string
  brandId: string | null
  contentIds: readonly string[] | null
  target: string
  /** Documents put back, a second of work. */
  documentsPerSecond: number
  startedAt: string | null
  endedAt: string | null
  error: string | null
}

export function reportOf(job: RestoreJob): RestoreReport {
  const tally = job.report ?? emptyTally
  const { seconds } = tally
  return {
    tenantId: job.tenantId,
    jobId: job.id,
    status: job.status.toUpperCase(),
    asOf: job.asOf.toISOString(),
    brandId: job.brandId ?? null,
    contentIds: job.contentIds ?? null,
    target: job.target.toUpperCase(),
    ...tally,
    seconds: round(seconds),
    documentsPerSecond: seconds > 0 ? round(job.restored / seconds) : 0,
    startedAt: job.startedAt?.toISOString() ?? null,
    endedAt: job.completedAt?.toISOString() ?? null,
    error: job.errorMessage ?? null,
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
