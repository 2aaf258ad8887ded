import type { EntityManager } from '@mikro-orm/postgresql'
import type { GenerationErrorCode } from './generation-job.entity.ts'
import { callsAtOnce } from './job-progress.ts'

/** Why a job is not to go on; null when its people cancelled it. */
export interface StopReason {
  code: GenerationErrorCode
  message: string
}

/**
 * Skips what has not been begun and notes why; items under way are left to whoever runs them, who then
 * ends the job. Of a cancelled job no more of these are left than are written at once: texts may be
 * waiting to be stored, and its people want no more. The first reason stays. The caller announces it.
 */
export async function stopJob(
  tx: EntityManager,
  tenantId: string,
  jobId: string,
  reason: StopReason | null,
): Promise<void> {
  const own = [tenantId, jobId]
  await tx.execute(
    `select from content_generation_jobs where tenant_id = ? and id = ? for update`,
    own,
  )
  await tx.execute(
    `with skipped as (
       update generation_items set state = 'skipped'
       where tenant_id = ? and job_id = ? and (state = 'pending' or state = 'running' and seq not in (
         select seq from generation_items
         where tenant_id = ? and job_id = ? and state = 'running' order by seq limit ?::bigint
       ))
       returning seq
     )
     update content_generation_jobs set
       skipped_count = skipped_count + (select count(*) from skipped),
       status = case when ?::text is null then 'cancelling' else status end,
       error_code = coalesce(error_code, ?), error_message = coalesce(error_message, ?)
     where tenant_id = ? and id = ? and status in ('pending', 'running', 'cancelling')`,
    [
      ...own,
      ...own,
      reason ? null : callsAtOnce,
      reason?.code ?? null,
      reason?.code ?? null,
      reason?.message ?? null,
      ...own,
    ],
  )
}
