import type { EntityManager } from '@mikro-orm/postgresql'
import type { Database } from '../../platform/postgres/database.ts'
import { setAlert } from './alerts.ts'

/** More refused writes of a tenant on one day in UTC are an alert (E-198). */
const maxRejections = 10

/** Tenants that were refused anything today, and those whose alert may be over. */
const tenantsSql = `
  select tenant_id as "tenantId" from quota_rejections
  where day = (now() at time zone 'UTC')::date
  union
  select tenant_id from alerts where kind = 'QUOTA_REJECTIONS' and resolved_at is null`

/** Opens and ends the alerts QUOTA_REJECTIONS; one that fires is over when the day is. */
export async function watchRejections({ database }: { database: Database }): Promise<void> {
  const tenants = await database.reads.asSystem().rows<{ tenantId: string }>(tenantsSql, [])
  for (const { tenantId } of tenants) {
    await database.transaction(tenantId, (tx) => setRejectionAlert(tx, tenantId))
  }
}

async function setRejectionAlert(tx: EntityManager, tenantId: string): Promise<void> {
  // Alerts of a tenant change under the lock of its quota row.
  await tx.execute(`select from content_storage_usage where tenant_id = ? for update`, [tenantId])
  const [today] = await tx.execute<{ rejections: number }[]>(
    `select coalesce(sum(rejections), 0)::integer as rejections from quota_rejections
     where tenant_id = ? and day = (now() at time zone 'UTC')::date`,
    [tenantId],
  )
  const rejections = today?.rejections ?? 0
  await setAlert(tx, tenantId, rejections > maxRejections, {
    kind: 'QUOTA_REJECTIONS',
    threshold: `${maxRejections} a day`,
    value: String(rejections),
  })
}
