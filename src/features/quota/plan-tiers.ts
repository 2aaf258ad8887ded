import { bytesPerGb } from '../../lib/bytes.ts'
import type { PlanTier } from '../tenancy/tenant.entity.ts'

/** What a plan allows; null is unlimited. */
export interface Plan {
  /** In GiB (E-130, X-29). */
  storageLimitGb: number | null
  /** How long earlier versions and deleted contents are kept (E-131). */
  retentionDays: number | null
  /** Items per calendar month in UTC (E-132). */
  monthlyGenerationLimit: number | null
  /** Generation jobs at a time. */
  concurrentJobsLimit: number
}

export const plans: Record<PlanTier, Plan> = {
  free: planOf(1, 30, 100),
  starter: planOf(10, 90, 1_000),
  professional: planOf(100, 365, 10_000),
  // Five years, one or two of them leap years.
  business: planOf(500, 1_826, 50_000),
  enterprise: planOf(null, null, null),
}

function planOf(
  storageLimitGb: number | null,
  retentionDays: number | null,
  monthlyGenerationLimit: number | null,
): Plan {
  return { storageLimitGb, retentionDays, monthlyGenerationLimit, concurrentJobsLimit: 10 }
}

/** One limit of every plan, for SQL: a JSON object by tier in which unlimited plans are absent. */
export function limitJson(limitOf: (plan: Plan) => number | null): string {
  const limits = Object.entries(plans).map(([tier, plan]) => [tier, limitOf(plan)] as const)
  return JSON.stringify(Object.fromEntries(limits.filter(([, limit]) => limit !== null)))
}

/** Null for unlimited storage. */
export function storageLimitBytes({ storageLimitGb }: Plan): number | null {
  return storageLimitGb === null ? null : storageLimitGb * bytesPerGb
}

export const upgradeUrl = '/settings/subscription'
