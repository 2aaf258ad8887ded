import type { EntityManager } from '@mikro-orm/postgresql'
import { setAlert } from '../quota/alerts.ts'
import type { BackupDeps } from './batch.ts'
import { rpoSeconds } from './backup-status.ts'

/** How the events of one tenant that are not in the copy stand. */
interface Backlog {
  tenantId: string
  events: number
  refused: number
  lagSeconds: number
  /** Since when there were more than `maxBacklog`, whichever; 0 when there are not. */
  fullSeconds: number
}

const failureHours = 24
/** More changes than this may wait for an hour, but not longer (E-197). */
const maxBacklog = 1_000
const backlogSeconds = 3_600

const backlogsSql = `
  select o.tenant_id as "tenantId", count(*)::integer as events,
    count(o.quarantined_at)::integer as refused,
    extract(epoch from now() - min(o.created_at))::integer as "lagSeconds",
    coalesce(extract(epoch from now() - b.above_since), 0)::integer as "fullSeconds"
  from backup_outbox o left join relay.backlogs b on b.tenant_id = o.tenant_id
  where o.backed_up_at is null group by o.tenant_id, b.above_since
  having min(o.created_at) < now() - make_interval(secs => ?) or count(o.quarantined_at) > 0
    or b.above_since < now() - make_interval(secs => ?)`

/** Who has more waiting than `maxBacklog`: it may be others each time that it is looked at. */
const noteBacklogsSql = `
  with above as (
    select tenant_id from backup_outbox where backed_up_at is null
    group by tenant_id having count(*) > ?
  ), below as (
    delete from relay.backlogs where tenant_id not in (select tenant_id from above)
  )
  insert into relay.backlogs (tenant_id) select tenant_id from above on conflict do nothing`

/**
 * Opens and ends the alerts of the recovery copy: SYNC_LAG when a tenant's oldest change has waited for
 * more than the RPO, or more than a thousand have waited for an hour, be they others by then (E-197);
 * SYNC_FAILED when changes were given up, or have waited for a day (E-177). Without a copy to write to nothing is late.
 */
export async function watchBackup({ database, bigquery, config }: BackupDeps): Promise<void> {
  const isOn = bigquery !== null && config.BIGQUERY_SYNC_ENABLED
  const backlogs = isOn ? await database.relayTransaction(findBacklogs) : []
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

async function findBacklogs(tx: EntityManager): Promise<Backlog[]> {
  await tx.execute(noteBacklogsSql, [maxBacklog])
  return tx.execute<Backlog[]>(backlogsSql, [rpoSeconds, backlogSeconds])
}

async function setAlerts(
  tx: EntityManager,
  tenantId: string,
  backlog: Backlog | undefined,
): Promise<void> {
  // Alerts of a tenant change under the lock of its quota row.
  await tx.execute(`select from content_storage_usage where tenant_id = ? for update`, [tenantId])
  const { events = 0, refused = 0, lagSeconds = 0, fullSeconds = 0 } = backlog ?? {}
  const isLate = lagSeconds > failureHours * 3_600
  const isBehind = lagSeconds > rpoSeconds || fullSeconds > backlogSeconds
  await setAlert(tx, tenantId, isBehind, {
    kind: 'SYNC_LAG',
    threshold: `${rpoSeconds} s, or ${maxBacklog} changes for ${backlogSeconds} s`,
    value: `${lagSeconds} s, ${events} changes`,
  })
  await setAlert(tx, tenantId, refused > 0 || isLate, {
    kind: 'SYNC_FAILED',
    threshold: `1 change given up, or ${failureHours} h`,
    value: refused > 0 ? `${refused} changes given up` : `${lagSeconds} s`,
  })
}
