import type { EntityManager } from '@mikro-orm/postgresql'
import type { Viewer } from '../../lib/viewer.ts'
import { type JobRef, noSuchJob } from '../generation/generation-job.errors.ts'
import type { JobStatus } from '../tenancy/job.ts'

interface LockedJob {
  status: JobStatus
  progress: number
  /** Items of which nothing came. */
  unmade: number
}

/** The job, which nobody else changes until the transaction ends. Throws NotFoundError. */
export async function lockJob(
  tx: EntityManager,
  { tenantId, brandIds }: Viewer,
  ref: JobRef,
): Promise<LockedJob> {
  const brands = brandIds && `{${brandIds.join(',')}}`
  const [job] = await tx.execute<LockedJob[]>(
    `select status, progress, failed_count + skipped_count as unmade
     from content_generation_jobs where tenant_id = ? and id = ?
       and (?::uuid[] is null or brand_id is null or brand_id = any(?::uuid[])) for update`,
    [tenantId, ref.id, brands, brands],
  )
  if (!job) throw noSuchJob(ref)
  return job
}
