import type { EntityManager } from '@mikro-orm/postgresql'
import type { PlanTier } from '../tenancy/tenant.entity.ts'
import type { AlertKind } from './alerts.ts'
import type { StorageUsage } from './find-quota.ts'

/** What a tenant's account says, and what there is. */
export interface UsageMeasurement {
  planTier: PlanTier
  counted: StorageUsage
  /** From the rows themselves; media counters are repeated as they are. */
  found: StorageUsage
  /** Sums of the ledger. */
  booked: { bytes: number; items: number }
  firing: AlertKind[]
}

/**
 * One statement is one snapshot: however many writers are busy, the sums belong together. A document
 * is kept while any version that has it still does. Without an account, all counters are null.
 */
const measureSql = `
  select t.plan_tier as "planTier",
    jsonb_build_object(
      'totalContentItems', u.total_content_items,
      'totalStorageBytes', u.total_storage_bytes,
      'totalMediaFiles', u.total_media_files,
      'totalMediaStorageBytes', u.total_media_storage_bytes,
      'reservedBytes', u.reserved_bytes,
      'storedBodyBytes', u.stored_body_bytes
    ) as counted,
    jsonb_build_object(
      'totalContentItems', live.items,
      'totalStorageBytes', live.bytes,
      'totalMediaFiles', u.total_media_files,
      'totalMediaStorageBytes', u.total_media_storage_bytes,
      'reservedBytes', pending.bytes,
      'storedBodyBytes', stored.bytes
    ) as found,
    jsonb_build_object('bytes', ledger.bytes, 'items', ledger.items) as booked,
    array(
      select a.kind from alerts a where a.tenant_id = t.id and a.resolved_at is null
    ) as firing
  from tenants t left join content_storage_usage u on u.tenant_id = t.id
    cross join lateral (
      select coalesce(sum(c.storage_size_bytes), 0) as bytes, count(*) as items
      from content_items c where c.tenant_id = t.id and c.deleted_at is null
    ) live
    cross join lateral (
      select coalesce(sum(l.bytes), 0) as bytes, coalesce(sum(l.items), 0) as items
      from usage_ledger l where l.tenant_id = t.id
    ) ledger
    cross join lateral (
      select coalesce(sum(i.reserved_bytes), 0) as bytes
      from content_write_intents i where i.tenant_id = t.id and i.state = 'pending'
    ) pending
    cross join lateral (
      select coalesce(sum(document.bytes), 0) as bytes from (
        select max(v.size_bytes) as bytes from content_versions v
        where v.tenant_id = t.id and v.documents_removed_at is null group by v.document_id
      ) document
    ) stored
  where t.id = ?`

/** Throws when there is no such tenant. */
export async function measureUsage(tx: EntityManager, tenantId: string): Promise<UsageMeasurement> {
  const [row] = await tx.execute<UsageMeasurement[]>(measureSql, [tenantId])
  if (!row) throw new Error(`There is no tenant ${tenantId}`)
  return row
}

/** The counters that are wrong. */
export function driftOf(counted: StorageUsage, found: StorageUsage): (keyof StorageUsage)[] {
  const counters = Object.keys(found) as (keyof StorageUsage)[]
  return counters.filter((counter) => counted[counter] !== found[counter])
}

/** Whether a counter is wrong, or the ledger. */
export function hasDrift({ counted, found, booked }: UsageMeasurement): boolean {
  return (
    driftOf(counted, found).length > 0 ||
    booked.bytes !== found.totalStorageBytes ||
    booked.items !== found.totalContentItems
  )
}
