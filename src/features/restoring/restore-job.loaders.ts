import { align } from '../../lib/align.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { type RestoreJob, RestoreJobSchema } from './restore-job.entity.ts'

interface RestoreReadDeps {
  reads: TenantReads
  tenantId: string
}

const columns = selectList(RestoreJobSchema, 'j')

/** In key order. */
export async function loadRestoreJobs(
  { reads, tenantId }: RestoreReadDeps,
  ids: readonly string[],
): Promise<(RestoreJob | null)[]> {
  const found = await reads.rows<RestoreJob>(
    `select ${columns} from restore_jobs j where j.tenant_id = $1 and j.id = any($2::uuid[])`,
    [tenantId, ids],
  )
  return align(ids, found, ({ id }) => id)
}

/** The tenant's restore that is not over, if there is one. */
export async function findUnfinishedRestore({
  reads,
  tenantId,
}: RestoreReadDeps): Promise<RestoreJob | null> {
  const [job] = await reads.rows<RestoreJob>(
    `select ${columns} from restore_jobs j
     where j.tenant_id = $1 and j.status in ('pending', 'running') order by j.id limit 1`,
    [tenantId],
  )
  return job ?? null
}
