import { bytesPerGb } from '../../lib/bytes.ts'
import type { PlanTier } from '../tenancy/tenant.entity.ts'

/** Storage per plan in GiB; null is unlimited (E-130, X-29). */
export const storageLimitGb: Record<PlanTier, number | null> = {
  free: 1,
  starter: 10,
  professional: 100,
  business: 500,
  enterprise: null,
}

/** The same in bytes, for SQL: a JSON object by tier in which unlimited plans are absent. */
export const storageLimitBytesJson = JSON.stringify(
  Object.fromEntries(
    Object.entries(storageLimitGb).flatMap(([tier, gb]) =>
      gb === null ? [] : [[tier, gb * bytesPerGb]],
    ),
  ),
)

export const upgradeUrl = '/settings/subscription'
