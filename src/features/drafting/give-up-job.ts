import { announceJob } from '../generation/announce-job.ts'
import { type StopReason, stopJob } from '../generation/stop-job.ts'
import type { ClaimedJob, JobDeps } from './job-run.ts'

/**
 * Ends a job early, for everybody. Answers false, and changes nothing, when another worker has taken
 * over: what went wrong here, perhaps long ago, says nothing about its work.
 */
export function giveUpJob(
  { database, tenantId }: JobDeps,
  { id, attempts }: ClaimedJob,
  reason: StopReason,
): Promise<boolean> {
  return database.transaction(tenantId, async (tx) => {
    const [own] = await tx.execute<unknown[]>(
      `select id from content_generation_jobs
       where tenant_id = ? and id = ? and attempts = ? for update`,
      [tenantId, id, attempts],
    )
    if (!own) return false
    await stopJob(tx, tenantId, id, reason)
    await announceJob(tx, tenantId, id)
    return true
  })
}
