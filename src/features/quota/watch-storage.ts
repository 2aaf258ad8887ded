import type { EntityManager } from '@mikro-orm/postgresql'
import type { PlanTier } from '../tenancy/tenant.entity.ts'
import { openAlert, resolveAlert } from './alerts.ts'
import { criticalShare, shareOf } from './quota-projection.ts'

/**
 * Opens or ends the alert when usage has crossed the critical share; otherwise nothing is sent. Bytes
 * are those of bodies and media. Reservations are left out: most last for a second, and those that
 * are not used would make the alert flicker.
 */
export async function watchStorage(
  tx: EntityManager,
  tenantId: string,
  planTier: PlanTier,
  bytes: { before: number; after: number },
): Promise<void> {
  if (isCritical(planTier, bytes.before) !== isCritical(planTier, bytes.after)) {
    await setStorageAlert(tx, tenantId, planTier, bytes.after)
  }
}

/** Opens the alert if `bytes` are critical, ends it if they are not. */
export async function setStorageAlert(
  tx: EntityManager,
  tenantId: string,
  planTier: PlanTier,
  bytes: number,
): Promise<void> {
  if (!isCritical(planTier, bytes)) return resolveAlert(tx, tenantId, 'STORAGE_USAGE')
  await openAlert(tx, tenantId, {
    kind: 'STORAGE_USAGE',
    threshold: percent(criticalShare),
    value: percent(shareOf(planTier, bytes) ?? 0),
  })
}

/** Whether `bytes` are a critical share of the plan's storage. */
export function isCritical(planTier: PlanTier, bytes: number): boolean {
  return (shareOf(planTier, bytes) ?? 0) >= criticalShare
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10}%`
}
