import type { EntityManager } from '@mikro-orm/postgresql'
import { type AlertKind, openAlert, resolveAlert } from '../quota/alerts.ts'
import type { BackupDeps } from './batch.ts'
import { rpoSeconds } from './backup-status.ts'

/** How the events of one tenant that are not in the copy stand. */
interface Backlog {
  tenantId: string
  events: number
  refused: number
  lagSeconds: number
}

const failureHours = 24

const backlogsSql = `
  select tenant_id as "tenantId", count(*)::integer as events,
    count(quarantined_at)::integer as refused,
    extract(epoch from now() - min(created_at))::integer as "lagSeconds"
  from backup_outbox where backed_up_at is null group by tenant_id
  having min(created_at) < now() - make_interval(secs => ?) or count(quarantined_at) > 0`

/**
 * Opens and ends the alerts of the recovery copy: SYNC_LAG when a tenant's oldest change has waited for
 * more than the RPO, which comes before E-197 asks for it; SYNC_FAILED when changes were given up, or
 * have waited for a day (E-177). Without a copy to write to nothing is late.
 */
export async function watchBackup({ database, bigquery, config }: BackupDeps): Promise<void> {
  const isOn = bigquery !== null && config.BIGQUERY_SYNC_ENABLED
  const backlogs = isOn
    ? await database.relayTransaction((tx) => tx.execute<Backlog[]>(backlogsSql, [rpoSeconds]))
    : []
  const byTenant = new Map(backlogs.map((backlog) => [backlog.tenantId, backlog]))
  const firing = await database.reads.asSystem().rows<{ tenantId: string }>(
    `select distinct tenant_id as "tenantId" from alerts
     where kind in ('SYNC_LAG', 'SYNC_FAILED') and resolved_at is null`,
    [],
  )
  for (const tenantId of new Set([...byTenant.keys(), ...firing.map((one) => one.tenantId)])) {
    await database.transaction(tenantId, (tx) => setAlerts(tx, tenantId, byTenant.get(tenantId)))
  }
}

async function setAlerts(
  tx: EntityManager,
  tenantId: string,
  backlog: Backlog | undefined,
): Promise<void> {
  // Alerts of a tenant change under the lock of its quota row.
  await tx.execute(`select from content_storage_usage where tenant_id = ? for update`, [tenantId])
  const { events = 0, refused = 0, lagSeconds = 0 } = backlog ?? {}
  const isLate = lagSeconds > failureHours * 3_600
  await setAlert(tx, tenantId, lagSeconds > rpoSeconds, {
    kind: 'SYNC_LAG',
    threshold: `${rpoSeconds} s`,
    value: `${lagSeconds} s, ${events} changes`,
  })
  await setAlert(tx, tenantId, refused > 0 || isLate, {
    kind: 'SYNC_FAILED',
    threshold: `1 change given up, or ${failureHours} h`,
    value: refused > 0 ? `${refused} changes given up` : `${lagSeconds} s`,
  })
}

function setAlert(
  tx: EntityManager,
  tenantId: string,
  fires: boolean,
  alert: { kind: AlertKind; threshold: string; value: string },
): Promise<void> {
  return fires ? openAlert(tx, tenantId, alert) : resolveAlert(tx, tenantId, alert.kind)
}
