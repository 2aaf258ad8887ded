import type { EntityManager } from '@mikro-orm/postgresql'
import { asStorageUnavailable, ValidationError } from '../../lib/errors.ts'
import type { Origin, Viewer } from '../../lib/viewer.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { recordAudit } from '../tenancy/record-audit.ts'

interface AcknowledgeDeps {
  database: Database
  tenantId: string
  viewer: Viewer
  origin: Origin
  plan: Plan
}

/**
 * Notes that somebody has seen an alert, for their tenant alone; false when it was noted before, and by
 * whom stays. Throws ValidationError, StorageUnavailableError.
 */
export function acknowledgeAlert(deps: AcknowledgeDeps, id: string): Promise<boolean> {
  const { database, tenantId, plan } = deps
  return database
    .transaction(tenantId, (tx) => acknowledgeIn(tx, deps, id), plan)
    .catch(asStorageUnavailable)
}

async function acknowledgeIn(
  tx: EntityManager,
  { tenantId, viewer: { userId }, origin }: AcknowledgeDeps,
  id: string,
): Promise<boolean> {
  const [alert] = await tx.execute<{ kind: string }[]>(
    `select kind from alerts where tenant_id = ? and id = ?
     union all select kind from stores.alerts where id = ?`,
    [tenantId, id, id],
  )
  if (!alert) {
    const message = 'There is no such alert'
    throw new ValidationError([{ path: ['id'], code: 'NOT_FOUND', message }])
  }
  const noted = await tx.execute<unknown[]>(
    `insert into alert_acknowledgements (tenant_id, alert_id, user_id) values (?, ?, ?)
     on conflict do nothing returning alert_id`,
    [tenantId, id, userId],
  )
  if (noted.length === 0) return false
  await recordAudit(tx, { tenantId, userId, origin }, [
    {
      action: 'acknowledgeAlert',
      subject: { type: 'Alert', id },
      before: null,
      after: { kind: alert.kind },
    },
  ])
  return true
}
