import type { WantedVersion } from './list-versions.ts'
import type { RestoreRun } from './restore-run.ts'

/** A version whose row in the copy has the same body as another's. */
export interface Sharer {
  id: string
  createdAt: Date
}

/** The other versions of these bodies, by document id, oldest first. */
export async function findSharers(
  { reads, tenantId }: Pick<RestoreRun, 'reads' | 'tenantId'>,
  versions: readonly WantedVersion[],
): Promise<ReadonlyMap<string, Sharer[]>> {
  if (versions.length === 0) return new Map()
  const rows = await reads.rows<Sharer & { documentId: string }>(
    `select id, document_id as "documentId", created_at as "createdAt" from content_versions
     where tenant_id = $1 and document_id = any($2::uuid[]) and not id = any($3::uuid[])
     order by id`,
    [tenantId, versions.map(({ documentId }) => documentId), versions.map(({ id }) => id)],
  )
  return Map.groupBy(rows, ({ documentId }) => documentId)
}
