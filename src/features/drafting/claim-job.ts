import { selectList } from '../../platform/postgres/select-list.ts'
import { announceJob } from '../generation/announce-job.ts'
import { GenerationJobSchema } from '../generation/generation-job.entity.ts'
import { type ClaimedJob, type JobDeps, leaseSeconds } from './job-run.ts'

/** More often an item is not taken up: it may be what kills its workers. */
const maxItemAttempts = 20

/**
 * Takes the lease of an unfinished job that no living worker has; null when there is nothing to take,
 * also for a job of another tenant: what a message says is looked up, never believed.
 */
export function claimJob(
  { database, tenantId }: JobDeps,
  jobId: string,
): Promise<ClaimedJob | null> {
  return database.transaction(tenantId, async (tx) => {
    const claimed = await tx.execute<unknown[]>(
      `update content_generation_jobs set
         attempts = attempts + 1,
         lease_expires_at = now() + make_interval(secs => ?),
         status = case status when 'pending' then 'running' else status end,
         started_at = coalesce(started_at, now())
       where tenant_id = ? and id = ? and status in ('pending', 'running', 'cancelling')
         and lease_expires_at < now()
       returning id`,
      [leaseSeconds, tenantId, jobId],
    )
    if (claimed.length === 0) return null
    const sequence = await announceJob(tx, tenantId, jobId)
    await tx.execute(
      `with given_up as (
         update generation_items set state = 'failed', error_code = 'INTERNAL', sequence = ?,
           error_message = 'It could not be written: every worker that tried it died.'
         where tenant_id = ? and job_id = ? and state = 'running' and attempt >= ?
           and lease_expires_at < now()
         returning seq
       )
       update content_generation_jobs
       set failed_count = failed_count + (select count(*) from given_up)
       where tenant_id = ? and id = ?`,
      [sequence, tenantId, jobId, maxItemAttempts, tenantId, jobId],
    )
    const [job] = await tx.execute<ClaimedJob[]>(
      `select ${selectList(GenerationJobSchema, 'j')}, j.partial_text_until > now() as watched
       from content_generation_jobs j
       where j.tenant_id = ? and j.id = ?`,
      [tenantId, jobId],
    )
    return job ?? null
  })
}
