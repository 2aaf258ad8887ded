import { bytesPerGb } from '../../lib/bytes.ts'
import type { PlanTier } from '../tenancy/tenant.entity.ts'
import { storageLimitGb } from './plan-tiers.ts'

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

/** What storing `additionalBytes` more would mean (E-135 to E-137). */
export function project({ planTier, bytes }: UsageRow, additionalBytes: number): QuotaProjection {
  const limitGb = storageLimitGb[planTier]
  const currentGb = bytes / bytesPerGb
  const projectedGb = (bytes + additionalBytes) / bytesPerGb
  const share = limitGb === null ? 0 : projectedGb / limitGb
  const canStore = share <= 1
  return {
    planTier,
    canStore,
    blocked: !canStore,
    reason: reasonOf(planTier, limitGb, currentGb, canStore),
    currentGb,
    limitGb,
    projectedGb,
    usagePercent: limitGb === null ? null : Math.round(share * 1_000) / 10,
    warningLevel: levelOf(share),
  }
}

function reasonOf(tier: PlanTier, limitGb: number | null, currentGb: number, canStore: boolean) {
  const name = tier.charAt(0).toUpperCase() + tier.slice(1)
  if (limitGb === null) return `Unlimited storage (${name} plan)`
  if (canStore) return 'Within the storage limit.'
  return `Storage limit exceeded. Your ${name} plan allows ${limitGb} GB. Current usage: ${currentGb.toFixed(2)} GB.`
}

function levelOf(share: number): WarningLevel {
  if (share >= 1) return 'BLOCKED'
  if (share >= 0.85) return 'CRITICAL'
  return share >= 0.8 ? 'WARNING' : 'NORMAL'
}
