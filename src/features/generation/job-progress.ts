import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { QuotaProjection } from '../quota/quota-projection.ts'
import { projectUsage } from '../quota/storage-usage.ts'
import { type GenerationJob, isOver } from './generation-job.entity.ts'

/** Model calls of one tenant at a time, whatever the number of its jobs and of workers (E-153). */
export const callsAtOnce = 10

/** How long so many items take, in milliseconds, when one takes `itemMs`. */
export function durationMs(items: number, itemMs: number): number {
  return Math.ceil(items / callsAtOnce) * itemMs
}

/** Items that nothing has come of yet, in one way or the other. */
function remaining({ targetCount, progress, failedCount, skippedCount }: GenerationJob): number {
  return targetCount - progress - failedCount - skippedCount
}

/** By the speed so far, or as was estimated until the first item is done; null for what ends anyway. */
export function estimatedCompletionAt(job: GenerationJob, now: Date): Date | null {
  if (isOver(job) || job.status === 'cancelling') return null
  const { startedAt, progress, failedCount, estimatedItemMs } = job
  const done = progress + failedCount
  const ms =
    startedAt && done > 0
      ? ((now.getTime() - startedAt.getTime()) / done) * remaining(job)
      : durationMs(remaining(job), estimatedItemMs)
  return new Date(now.getTime() + Math.max(0, ms))
}

/** What storing the items still to come would mean. */
export function projectJob(reads: TenantReads, job: GenerationJob): Promise<QuotaProjection> {
  return projectUsage(reads, isOver(job) ? 0 : remaining(job) * job.estimatedItemBytes)
}
