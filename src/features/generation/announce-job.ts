import type { EntityManager } from '@mikro-orm/postgresql'
import { announce, topics } from '../../platform/events.ts'
import { advanceFeed } from '../tenancy/advance-feed.ts'

/**
 * Gives a job that was changed in this transaction its next number and wakes its watchers; answers the
 * number. The job's row must be locked already.
 */
export async function announceJob(
  tx: EntityManager,
  tenantId: string,
  jobId: string,
): Promise<number> {
  const sequence = await advanceFeed(tx, tenantId)
  await tx.execute(
    `update content_generation_jobs set sequence = ? where tenant_id = ? and id = ?`,
    [sequence, tenantId, jobId],
  )
  await announce(tx, topics.job(jobId), topics.jobs(tenantId))
  return sequence
}
