import type { EntityManager } from '@mikro-orm/postgresql'
import type { GenerationErrorCode } from './generation-job.entity.ts'

/** Why a job is not to go on; null when its people cancelled it. */
export interface StopReason {
  code: GenerationErrorCode
  message: string
}

/**
 * Skips what has not been begun and notes why; items under way are left to whoever runs them, who then
 * ends the job. The first reason stays. The caller announces the change.
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
       where tenant_id = ? and job_id = ? and state = 'pending' returning seq
     )
     update content_generation_jobs set
       skipped_count = skipped_count + (select count(*) from skipped),
       status = case when ?::text is null then 'cancelling' else status end,
       error_code = coalesce(error_code, ?), error_message = coalesce(error_message, ?)
     where tenant_id = ? and id = ? and status in ('pending', 'running', 'cancelling')`,
    [...own, reason?.code ?? null, reason?.code ?? null, reason?.message ?? null, ...own],
  )
}
