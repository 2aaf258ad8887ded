import { bytesPerGb } from '../../lib/bytes.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { PlanTier } from '../tenancy/tenant.entity.ts'
import { plans } from './plan-tiers.ts'
import { project, type QuotaProjection } from './quota-projection.ts'

/** What a tenant has stored; the account's counters, exact at every commit. */
export interface StorageUsage {
  totalContentItems: number
  /** Of live bodies: what the limit counts, besides media and reservations. */
  totalStorageBytes: number
  totalMediaFiles: number
  totalMediaStorageBytes: number
  /** Held for writes under way. */
  reservedBytes: number
  /** Of all bodies kept: live ones, earlier versions and the trash. */
  storedBodyBytes: number
}

/** Where a tenant stands with its plan. */
export interface Quota {
  planTier: PlanTier
  usage: StorageUsage
  generatedThisMonth: number
  lastCalculatedAt: Date
  tenantSince: Date
  /** Rises with every change of the account. */
  sequence: number
  updatedAt: Date
}

type QuotaRow = Omit<Quota, 'usage'> & StorageUsage

const quotaSql = `
  select t.plan_tier as "planTier", t.created_at as "tenantSince",
    coalesce(u.total_content_items, 0) as "totalContentItems",
    coalesce(u.total_storage_bytes, 0) as "totalStorageBytes",
    coalesce(u.total_media_files, 0) as "totalMediaFiles",
    coalesce(u.total_media_storage_bytes, 0) as "totalMediaStorageBytes",
    coalesce(u.reserved_bytes, 0) as "reservedBytes",
    coalesce(u.stored_body_bytes, 0) as "storedBodyBytes",
    coalesce(u.last_calculated_at, t.created_at) as "lastCalculatedAt",
    coalesce(g.items, 0) as "generatedThisMonth",
    coalesce(u.sequence, 0) as sequence, coalesce(u.updated_at, t.created_at) as "updatedAt"
  from tenants t
    left join content_storage_usage u on u.tenant_id = t.id
    left join generation_usage g on g.tenant_id = t.id
      and g.month = date_trunc('month', now() at time zone 'UTC')::date
  where t.id = $1`

/** Where the tenant stands at this moment; null when there is no such tenant. */
export async function findQuota(reads: TenantReads): Promise<Quota | null> {
  const [row] = await reads.rows<QuotaRow>(quotaSql, [reads.tenantId])
  if (!row) return null
  const { planTier, generatedThisMonth, lastCalculatedAt, tenantSince, ...counters } = row
  const { sequence, updatedAt, ...usage } = counters
  return { planTier, usage, generatedThisMonth, lastCalculatedAt, tenantSince, sequence, updatedAt }
}

/** The quota as a projection that adds nothing: level and share of what counts against the limit. */
export function projectionOf({ planTier, usage }: Quota): QuotaProjection {
  return project({ planTier, bytes: countedBytes(usage) }, 0)
}

/** Null for unlimited storage, never below zero. */
export function availableGb({ planTier, usage }: Quota): number | null {
  const { storageLimitGb } = plans[planTier]
  if (storageLimitGb === null) return null
  return Math.max(0, storageLimitGb - countedBytes(usage) / bytesPerGb)
}

/** What the limit counts. */
export function countedBytes(usage: StorageUsage): number {
  return usage.totalStorageBytes + usage.totalMediaStorageBytes + usage.reservedBytes
}
