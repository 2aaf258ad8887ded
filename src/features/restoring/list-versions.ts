import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { SqlValue } from '../../platform/postgres/trip.ts'
import type { RecordedVersion } from '../content/document-complaints.ts'
import type { RestoreJob } from './restore-job.entity.ts'
import type { RestoreRun } from './restore-run.ts'

/** A version whose documents ZeroDB must have. */
export interface WantedVersion extends RecordedVersion {
  createdAt: Date
  /** The first of the versions that share a body answers for it. */
  ownsBody: boolean
}

type Selection = Pick<RestoreJob, 'asOf' | 'brandId' | 'contentIds'>

const bytesPerPage = 32 * 1024 ** 2
const beforeAllIds = '00000000-0000-0000-0000-000000000000'

/** Of an expired version the documents are about to go, or gone. The alias is `v`. */
const wanted = `v.tenant_id = $1 and v.created_at <= $2 and v.expired_at is null
  and ($3::uuid[] is null or v.content_id = any($3::uuid[]))
  and not v.content_id = any($4::uuid[])
  and ($5::uuid is null or exists (
    select from content_items c
    where c.tenant_id = v.tenant_id and c.id = v.content_id and c.brand_id = $5
  ))`

const pageSql = `
  select v.id, v.content_id as "contentId", v.version_number as "versionNumber",
    v.document_id as "documentId", v.sha256, v.size_bytes as "sizeBytes",
    v.created_at as "createdAt", not exists (
      select from content_versions w
      where w.tenant_id = v.tenant_id and w.content_id = v.content_id
        and w.document_id = v.document_id and w.created_at <= $2 and w.expired_at is null
        and w.id < v.id
    ) as "ownsBody"
  from content_versions v where ${wanted} and v.id > $6 order by v.id limit $7`

/** The versions that follow, `limit` at most; none at the end. */
export async function listWantedVersions(
  { reads, job, purgedIds }: RestoreRun,
  after: string | null,
  limit: number,
): Promise<WantedVersion[]> {
  const values = [...valuesOf(reads, job, purgedIds), after ?? beforeAllIds, limit]
  const versions = await reads.rows<WantedVersion>(pageSql, values)
  let bytes = 0
  const fitting = versions.findIndex(({ sizeBytes }) => (bytes += sizeBytes) > bytesPerPage)
  // One always travels.
  return fitting === -1 ? versions : versions.slice(0, Math.max(1, fitting))
}

export async function countWantedVersions(
  reads: TenantReads,
  selection: Selection,
  purgedIds: readonly string[],
): Promise<number> {
  const [row] = await reads.rows<{ count: number }>(
    `select count(*)::integer as count from content_versions v where ${wanted}`,
    valuesOf(reads, selection, purgedIds),
  )
  return row?.count ?? 0
}

function valuesOf(
  { tenantId }: TenantReads,
  { asOf, contentIds, brandId }: Selection,
  purgedIds: readonly string[],
): SqlValue[] {
  return [tenantId, asOf, contentIds ?? null, purgedIds, brandId ?? null]
}
