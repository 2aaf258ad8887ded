import type { EntityManager } from '@mikro-orm/postgresql'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { storageLimitBytesJson } from './plan-tiers.ts'
import { QuotaExceededError } from './quota.errors.ts'
import { project, type QuotaProjection, type UsageRow } from './quota-projection.ts'

const usageSql = `
  select t.plan_tier as "planTier",
    coalesce(u.total_storage_bytes + u.total_media_storage_bytes + u.reserved_bytes, 0) as bytes
  from tenants t left join content_storage_usage u on u.tenant_id = t.id
  where t.id = $1`

/** What storing `additionalBytes` more would mean; nothing is reserved. */
export async function projectUsage(
  reads: TenantReads,
  additionalBytes: number,
): Promise<QuotaProjection> {
  const [row] = await reads.rows<UsageRow>(usageSql, [reads.tenantId])
  return project(row ?? { planTier: 'free', bytes: 0 }, additionalBytes)
}

const reserveSql = `
  update content_storage_usage u set reserved_bytes = u.reserved_bytes + ?, updated_at = now()
  from tenants t
  where u.tenant_id = ? and t.id = u.tenant_id
    and u.total_storage_bytes + u.total_media_storage_bytes + u.reserved_bytes + ?
      <= coalesce((?::jsonb ->> t.plan_tier)::bigint, 9223372036854775807)
  returning u.tenant_id`

/**
 * Takes the bytes in one statement: check and claim cannot be torn apart by a parallel writer.
 * False when they do not fit; nothing is taken then. Always the last lock of a transaction.
 */
export async function reserveStorage(
  tx: EntityManager,
  tenantId: string,
  bytes: number,
): Promise<boolean> {
  if (bytes === 0) return true
  const taken = await tx.execute<unknown[]>(reserveSql, [
    bytes,
    tenantId,
    bytes,
    storageLimitBytesJson,
  ])
  return taken.length > 0
}

/** The error a writer gets for `bytes` that did not fit. */
export async function quotaExceeded(
  tx: EntityManager,
  tenantId: string,
  bytes: number,
): Promise<QuotaExceededError> {
  const [row] = await tx.execute<UsageRow[]>(usageSql.replace('$1', '?'), [tenantId])
  const usage = row ? { ...row, bytes: Number(row.bytes) } : { planTier: 'free' as const, bytes: 0 }
  return new QuotaExceededError(project(usage, bytes))
}

const settleSql = `
  update content_storage_usage set
    reserved_bytes = reserved_bytes - ?,
    total_storage_bytes = total_storage_bytes + ?,
    total_content_items = total_content_items + ?,
    last_calculated_at = now(), updated_at = now()
  where tenant_id = ?`

/** Turns a reservation into usage; `growth` is signed, in bytes. Always the last lock. */
export async function settleStorage(
  tx: EntityManager,
  tenantId: string,
  change: { reserved: number; growth: number; items: number },
): Promise<void> {
  const { reserved, growth, items } = change
  if (reserved === 0 && growth === 0 && items === 0) return
  await tx.execute(settleSql, [reserved, growth, items, tenantId])
}
