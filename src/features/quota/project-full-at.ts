import type { TenantReads } from '../../platform/postgres/reads.ts'
import { countedBytes, type Quota } from './find-quota.ts'
import { plans, storageLimitBytes } from './plan-tiers.ts'

const dayMs = 86_400_000

/** Growth is measured over so many days, or over a younger tenant's life. */
const windowDays = 30

/** Later than this, a straight line says nothing. */
const horizonDays = 36_500

/** Corrections are no growth: what they book was stored at another time. */
const growthSql = `
  select coalesce(sum(bytes), 0)::bigint as bytes from usage_ledger
  where tenant_id = $1 and kind = 'write' and created_at >= now() - make_interval(days => $2)`

/**
 * When storage will be full if it goes on growing as in the last 30 days; null when it does not grow,
 * when it would take more than a hundred years, or without a limit.
 */
export async function projectFullAt(reads: TenantReads, quota: Quota): Promise<Date | null> {
  const limit = storageLimitBytes(plans[quota.planTier])
  if (limit === null) return null
  const [growth] = await reads.rows<{ bytes: number }>(growthSql, [reads.tenantId, windowDays])
  const now = Date.now()
  const age = (now - quota.tenantSince.getTime()) / dayMs
  const bytesPerDay = (growth?.bytes ?? 0) / Math.max(1, Math.min(windowDays, age))
  const days = Math.max(0, limit - countedBytes(quota.usage)) / bytesPerDay
  return bytesPerDay > 0 && days <= horizonDays ? new Date(now + days * dayMs) : null
}
