import type { EntityManager } from '@mikro-orm/postgresql'
import { announce, topics } from '../../platform/events.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { PlanTier } from '../tenancy/tenant.entity.ts'
import { limitJson, storageLimitBytes } from './plan-tiers.ts'
import { QuotaExceededError } from './quota.errors.ts'
import { project, type QuotaProjection, refuse, type UsageRow } from './quota-projection.ts'
import { watchStorage } from './watch-storage.ts'

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
  return project(row ?? null, additionalBytes)
}

const storageLimits = limitJson(storageLimitBytes)

const reserveSql = `
  update content_storage_usage u set
    reserved_bytes = u.reserved_bytes + ?,
    sequence = u.sequence + 1,
    updated_at = now()
  from tenants t
  where u.tenant_id = ? and t.id = u.tenant_id
    and u.total_storage_bytes + u.total_media_storage_bytes + u.reserved_bytes + ?
      <= coalesce((?::jsonb ->> t.plan_tier)::bigint, 9223372036854775807)
  returning u.tenant_id`

/**
 * Takes the bytes in one statement: check and claim cannot be torn apart by a parallel writer (X-09).
 * False when they do not fit; nothing is taken then. Always the last lock of a transaction.
 */
export async function reserveStorage(
  tx: EntityManager,
  tenantId: string,
  bytes: number,
): Promise<boolean> {
  if (bytes === 0) return true
  const taken = await tx.execute<unknown[]>(reserveSql, [bytes, tenantId, bytes, storageLimits])
  return taken.length > 0
}

/** The error a writer gets for `bytes` that did not fit. */
export async function quotaExceeded(
  tx: EntityManager,
  tenantId: string,
  bytes: number,
  path: readonly string[],
): Promise<QuotaExceededError> {
  const [row] = await tx.execute<UsageRow[]>(usageSql.replace('$1', '?'), [tenantId])
  const usage = row ? { ...row, bytes: Number(row.bytes) } : null
  return new QuotaExceededError(refuse(usage, bytes), path)
}

/** What a committed write does to a tenant's account; bytes are signed. */
export interface UsageChange {
  /** Given back of what was reserved for it. */
  reserved: number
  /** Of live bodies: what the limit counts. */
  growth: number
  /** Live contents more or less. */
  items: number
  /** Of body documents kept in ZeroDB or on the way there, whether the limit counts them or not. */
  stored: number
}

/**
 * Of {@link settleValues}. Never below zero (E-140): what would be missing is drift, which
 * `recalculateUsage` finds. As a part of a larger statement it comes `after` another part of it, whose locks
 * it must not overtake: always the last lock of a transaction.
 */
export function settleSql(after = ''): string {
  return `
  update content_storage_usage u set
    reserved_bytes = greatest(u.reserved_bytes - ?, 0),
    total_storage_bytes = greatest(u.total_storage_bytes + ?, 0),
    total_content_items = greatest(u.total_content_items + ?, 0),
    stored_body_bytes = greatest(u.stored_body_bytes + ?, 0),
    sequence = u.sequence + 1,
    last_calculated_at = now(), updated_at = now()
  from tenants t${after && `, ${after}`}
  where u.tenant_id = ? and t.id = u.tenant_id
  returning t.plan_tier as "planTier",
    u.total_storage_bytes + u.total_media_storage_bytes as bytes`
}

/** For a change that changes nothing it finds no account, and takes no lock. */
export function settleValues(tenantId: string, change: UsageChange): (string | number | null)[] {
  const { reserved, growth, items, stored } = change
  return [reserved, growth, items, stored, changesUsage(change) ? tenantId : null]
}

export function changesUsage({ reserved, growth, items, stored }: UsageChange): boolean {
  return reserved !== 0 || growth !== 0 || items !== 0 || stored !== 0
}

/** What `settleSql` answers. */
export interface SettledUsage {
  planTier: PlanTier
  bytes: string
}

/**
 * Turns a reservation into usage. Always the last lock of a transaction: an alert that opens or
 * ends with the change is written under it.
 */
export async function settleStorage(
  tx: EntityManager,
  tenantId: string,
  change: UsageChange,
): Promise<void> {
  if (!changesUsage(change)) return
  const [usage] = await tx.execute<SettledUsage[]>(settleSql(), settleValues(tenantId, change))
  if (!usage) return
  await announce(tx, topics.quota(tenantId))
  await watchSettled(tx, tenantId, change, usage)
}

/** Opens or ends the alert about storage, where the change makes the difference. */
export async function watchSettled(
  tx: EntityManager,
  tenantId: string,
  { growth }: UsageChange,
  usage: SettledUsage,
): Promise<void> {
  const bytes = Number(usage.bytes)
  await watchStorage(tx, tenantId, usage.planTier, { before: bytes - growth, after: bytes })
}
