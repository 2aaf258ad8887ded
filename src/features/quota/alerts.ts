import type { EntityManager } from '@mikro-orm/postgresql'
import { newId } from '../../lib/id.ts'

/** What fires for one tenant; what fires for all of them is in `operations/store-alerts.ts`. */
export const tenantAlertKinds = [
  'STORAGE_USAGE',
  'USAGE_DRIFT',
  'SYNC_LAG',
  'SYNC_FAILED',
  'QUOTA_REJECTIONS',
] as const
export type AlertKind = (typeof tenantAlertKinds)[number]

/** Something a person should look at, from when it began until it is over. */
export interface Alert {
  kind: AlertKind
  /** What was passed, and where things stood then; for people, e.g. `85%` and `91.2%`. */
  threshold: string
  value: string
}

/** One of a kind fires per tenant; while it does, only its value changes. Under the quota row's lock. */
export async function openAlert(
  tx: EntityManager,
  tenantId: string,
  { kind, threshold, value }: Alert,
): Promise<void> {
  await tx.execute(
    `insert into alerts (tenant_id, id, kind, threshold, value) values (?, ?, ?, ?, ?)
     on conflict (tenant_id, kind) where resolved_at is null do update set value = excluded.value`,
    [tenantId, newId(), kind, threshold, value],
  )
}

/** Ends the alert of this kind, if one fires. Under the quota row's lock. */
export async function resolveAlert(
  tx: EntityManager,
  tenantId: string,
  kind: AlertKind,
): Promise<void> {
  await tx.execute(
    `update alerts set resolved_at = now()
     where tenant_id = ? and kind = ? and resolved_at is null`,
    [tenantId, kind],
  )
}

/** Opens the alert if it `fires`, ends it if not. Under the quota row's lock. */
export function setAlert(
  tx: EntityManager,
  tenantId: string,
  fires: boolean,
  alert: Alert,
): Promise<void> {
  return fires ? openAlert(tx, tenantId, alert) : resolveAlert(tx, tenantId, alert.kind)
}
