import type { TenantReads } from '../../platform/postgres/reads.ts'

/** What waits to be copied, of all tenants together. */
export interface CopyBacklog {
  unsyncedCount: number
  /** Age of the oldest; 0 when there is none. */
  lagSeconds: number
}

export async function findCopyBacklog(reads: Pick<TenantReads, 'rows'>): Promise<CopyBacklog> {
  const [backlog] = await reads.rows<CopyBacklog>(
    `select count(*)::integer as "unsyncedCount",
       coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as "lagSeconds"
     from backup_outbox where backed_up_at is null`,
    [],
  )
  if (!backlog) throw new TypeError('An aggregate has one row')
  return backlog
}
