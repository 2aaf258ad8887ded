import { align } from '../../lib/align.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { tenantAlertKinds } from '../quota/alerts.ts'
import { storeAlertKinds } from './watch-stores.ts'

export const alertKinds = [...tenantAlertKinds, ...storeAlertKinds]

/** An alert as one tenant sees it. */
export interface KnownAlert {
  id: string
  kind: (typeof alertKinds)[number]
  /** Null for what concerns every tenant. */
  tenantId: string | null
  threshold: string
  value: string
  firingSince: Date
  resolvedAt: Date | null
  acknowledgedByUserId: string | null
  acknowledgedAt: Date | null
}

const columns = 'id, kind, threshold, value, firing_since, resolved_at'

/** A tenant's own alerts and those of the stores, with its acknowledgements; `$1` is the tenant. */
const alertsSql = `
  select a.id, a.kind, a.tenant_id as "tenantId", a.threshold, a.value,
    a.firing_since as "firingSince", a.resolved_at as "resolvedAt",
    k.user_id as "acknowledgedByUserId", k.acknowledged_at as "acknowledgedAt"
  from (
    select tenant_id, ${columns} from alerts where tenant_id = $1
    union all
    select null, ${columns} from stores.alerts
  ) a left join alert_acknowledgements k on k.tenant_id = $1 and k.alert_id = a.id`

/** Those that fire, or those that are over; the newest first, a hundred at most. */
export function listAlerts(reads: TenantReads, firing: boolean): Promise<KnownAlert[]> {
  const state = firing ? 'a.resolved_at is null' : 'a.resolved_at is not null'
  return reads.rows<KnownAlert>(
    `${alertsSql} where ${state} order by a.firing_since desc, a.id desc limit 100`,
    [reads.tenantId],
  )
}

/** Alerts of the tenant and of the stores, in key order. */
export async function loadAlerts({ reads }: { reads: TenantReads }, ids: readonly string[]) {
  const found = await reads.rows<KnownAlert>(`${alertsSql} where a.id = any($2::uuid[])`, [
    reads.tenantId,
    ids,
  ])
  return align(ids, found, (alert) => alert.id)
}
