import type { TenantReads } from '../../platform/postgres/reads.ts'

/** What all tenants together have stored. */
export async function findStoredBytes(reads: Pick<TenantReads, 'rows'>): Promise<number> {
  const [row] = await reads.rows<{ bytes: number }>(
    `select coalesce(sum(total_storage_bytes + total_media_storage_bytes), 0)::bigint as bytes
     from content_storage_usage`,
    [],
  )
  return row?.bytes ?? 0
}
