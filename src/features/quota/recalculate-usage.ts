import type { EntityManager } from '@mikro-orm/postgresql'
import type { Origin } from '../../lib/viewer.ts'
import type { Log } from '../../platform/log.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { resolveAlert } from './alerts.ts'
import type { StorageUsage } from './find-quota.ts'
import { hasDrift, measureUsage, type UsageMeasurement } from './measure-usage.ts'
import { describeDrift, repairUsage } from './repair-usage.ts'
import { isCritical, setStorageAlert } from './watch-storage.ts'

export interface RecalculateDeps {
  database: Database
  /** Who asked, for the audit; null is the gateway itself. */
  userId: string | null
  origin: Origin
}

export interface UsageRecalculation {
  before: StorageUsage
  after: StorageUsage
  /** By how much each counter was off; empty when all were right. */
  drift: string
}

/**
 * Compares a tenant's counters with what there is, and repairs them. Drift raises an alert, which the
 * next run that finds none ends. Safe to run beside writers, and any number of times.
 */
export async function recalculateUsage(
  { database, userId, origin }: RecalculateDeps,
  tenantId: string,
): Promise<UsageRecalculation> {
  // A look without a lock first: a lock would hold up every writer for as long as the sums take.
  const seen = await database.transaction(tenantId, (tx) => measureUsage(tx, tenantId))
  if (isSettled(seen)) return resultOf(seen)
  return database.transaction(tenantId, async (tx) => {
    await lockAccount(tx, tenantId)
    const measured = await measureUsage(tx, tenantId)
    if (hasDrift(measured)) await repairUsage(tx, { tenantId, userId, origin }, measured)
    else await resolveAlert(tx, tenantId, 'USAGE_DRIFT')
    await setStorageAlert(tx, tenantId, measured.planTier, storedBytes(measured.found))
    return resultOf(measured)
  })
}

/** All tenants in turn; one that fails is logged and does not stop the others. */
export async function recalculateAllUsage(deps: {
  database: Database
  log: Log
  signal: AbortSignal
}): Promise<void> {
  const { database, log, signal } = deps
  const origin = { requestId: 'task:recalculateUsage', ip: null, apiKeyId: null }
  const tenants = await database.reads
    .asSystem()
    .rows<{ id: string }>(`select id from tenants order by id`, [])
  for (const { id: tenantId } of tenants) {
    signal.throwIfAborted()
    try {
      const { drift } = await recalculateUsage({ database, userId: null, origin }, tenantId)
      if (drift) log.error({ alarm: 'usage drift', tenantId, drift }, 'repaired a usage account')
    } catch (error) {
      log.error({ err: error, tenantId }, 'could not recalculate usage')
    }
  }
}

function resultOf(measured: UsageMeasurement): UsageRecalculation {
  return { before: measured.counted, after: measured.found, drift: describeDrift(measured) }
}

/** Nothing to write: no drift, and every alert fires or rests as it should. */
function isSettled(measured: UsageMeasurement): boolean {
  const { planTier, found, firing } = measured
  return (
    !hasDrift(measured) &&
    !firing.includes('USAGE_DRIFT') &&
    firing.includes('STORAGE_USAGE') === isCritical(planTier, storedBytes(found))
  )
}

/**
 * Creates the account if it is missing, and locks it, before anything is read: whoever settled before
 * has committed by then, and nobody settles until this transaction is over.
 */
async function lockAccount(tx: EntityManager, tenantId: string): Promise<void> {
  await tx.execute(
    `insert into content_storage_usage (tenant_id) values (?) on conflict do nothing`,
    [tenantId],
  )
  await tx.execute(`select from content_storage_usage where tenant_id = ? for update`, [tenantId])
}

/** Of bodies and media: what the alert goes by. */
function storedBytes(usage: StorageUsage): number {
  return usage.totalStorageBytes + usage.totalMediaStorageBytes
}
