import { bytesPerGb } from '../../lib/bytes.ts'
import type { PlanTier } from '../tenancy/tenant.entity.ts'
import { plans } from './plan-tiers.ts'

/** 80 % warns, 85 % is critical, 100 % blocks (requirements 3.4). */
export type WarningLevel = 'NORMAL' | 'WARNING' | 'CRITICAL' | 'BLOCKED'

/** Where a tenant stands, or would stand after storing more; sizes in GiB. */
export interface QuotaProjection {
  planTier: PlanTier
  canStore: boolean
  blocked: boolean
  reason: string
  currentGb: number
  /** null = unlimited */
  limitGb: number | null
  projectedGb: number
  /** Of the projection, one decimal; null = unlimited. */
  usagePercent: number | null
  warningLevel: WarningLevel
}

/** What counts against the limit: bodies, media and reservations. */
export interface UsageRow {
  planTier: PlanTier
  bytes: number
}

/** From here on usage is critical, and an alert is firing (requirements 3.4). */
export const criticalShare = 0.85

/** What storing `additionalBytes` more would mean (E-134 to E-137); null is a tenant nobody knows. */
export function project(usage: UsageRow | null, additionalBytes: number): QuotaProjection {
  if (!usage) return unknownTenant(additionalBytes)
  const { planTier, bytes } = usage
  const limitGb = plans[planTier].storageLimitGb
  const currentGb = bytes / bytesPerGb
  const share = shareOf(planTier, bytes + additionalBytes)
  const canStore = share === null || share <= 1
  return {
    planTier,
    canStore,
    blocked: !canStore,
    reason: canStore ? allowed(planTier, limitGb) : exceeded(planTier, limitGb, currentGb),
    currentGb,
    limitGb,
    projectedGb: (bytes + additionalBytes) / bytesPerGb,
    usagePercent: share === null ? null : Math.round(share * 1_000) / 10,
    warningLevel: levelOf(share ?? 0),
  }
}

/** The projection for bytes that PostgreSQL has refused, whatever has been freed since. */
export function refuse(usage: UsageRow | null, additionalBytes: number): QuotaProjection {
  const projection = project(usage, additionalBytes)
  const { canStore, planTier, limitGb, currentGb } = projection
  if (!canStore) return projection
  const reason = exceeded(planTier, limitGb, currentGb)
  return { ...projection, canStore: false, blocked: true, reason }
}

/** How much of the plan's storage `bytes` are, 1 being all of it; null = unlimited. */
export function shareOf(planTier: PlanTier, bytes: number): number | null {
  const limitGb = plans[planTier].storageLimitGb
  return limitGb === null ? null : bytes / bytesPerGb / limitGb
}

function allowed(planTier: PlanTier, limitGb: number | null): string {
  if (limitGb === null) return `Unlimited storage (${nameOf(planTier)} plan)`
  return 'Within the storage limit.'
}

function exceeded(planTier: PlanTier, limitGb: number | null, currentGb: number): string {
  return `Storage limit exceeded. Your ${nameOf(planTier)} plan allows ${limitGb} GB. Current usage: ${currentGb.toFixed(2)} GB.`
}

function nameOf(planTier: PlanTier): string {
  return planTier.charAt(0).toUpperCase() + planTier.slice(1)
}

function levelOf(share: number): WarningLevel {
  if (share >= 1) return 'BLOCKED'
  if (share >= criticalShare) return 'CRITICAL'
  return share >= 0.8 ? 'WARNING' : 'NORMAL'
}

/** No account, hence no room (E-136). */
function unknownTenant(additionalBytes: number): QuotaProjection {
  return {
    planTier: 'free',
    canStore: false,
    blocked: true,
    reason: 'Tenant not found',
    currentGb: 0,
    limitGb: 0,
    projectedGb: additionalBytes / bytesPerGb,
    usagePercent: 100,
    warningLevel: 'BLOCKED',
  }
}
