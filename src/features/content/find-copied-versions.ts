import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { CopyRef } from '../../platform/recovery-copy.ts'

/** A version that is in the recovery copy. */
export interface VersionInCopy extends CopyRef {
  contentId: string
  version: number
}

/**
 * For each version the newest one up to it that is in the recovery copy, in key order; null where none is.
 * PostgreSQL knows, so the copy is asked for nothing that it does not have.
 */
export async function findCopiedVersions(
  { reads, tenantId }: { reads: TenantReads; tenantId: string },
  wanted: readonly { contentId: string; version: number }[],
): Promise<(VersionInCopy | null)[]> {
  const rows = await reads.rows<VersionInCopy & { place: number }>(
    `select wanted.place, v.content_id as "contentId", v.version_number as version,
       v.id as "versionId", v.document_id as "documentId", v.sha256, v.size_bytes as "sizeBytes",
       v.created_at as at
     from unnest($2::uuid[], $3::integer[]) with ordinality wanted (content_id, version, place)
     cross join lateral (
       select max(o.version_number) as version from backup_outbox o
       where o.tenant_id = $1 and o.content_id = wanted.content_id
         and o.version_number <= wanted.version and o.backed_up_at is not null
         and o.operation <> 'purge'
     ) newest
     join content_versions v on v.tenant_id = $1 and v.content_id = wanted.content_id
       and v.version_number = newest.version`,
    [
      tenantId,
      wanted.map(({ contentId }) => contentId),
      wanted.map(({ version }) => String(version)),
    ],
  )
  const byPlace = new Map(rows.map((row) => [row.place, row]))
  return wanted.map((_, index) => byPlace.get(index + 1) ?? null)
}
