import type { TenantReads } from '../../platform/postgres/reads.ts'

/** How far the tenant's feed has come: whatever has a number up to it can be read by now. */
export async function findFeedEnd(reads: TenantReads): Promise<number> {
  const [feed] = await reads.rows<{ sequence: number }>(
    `select sequence from tenant_feeds where tenant_id = $1`,
    [reads.tenantId],
  )
  return feed?.sequence ?? 0
}
