import type { EntityManager } from '@mikro-orm/postgresql'
import { newId } from '../../lib/id.ts'
import type { Origin } from '../../lib/viewer.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import { openAlert } from './alerts.ts'
import { driftOf, type UsageMeasurement } from './measure-usage.ts'

/**
 * The rows are right: counters are set to them, and the ledger gets an entry for what it lacks. Says
 * so in an alert and in the audit. The account must be locked.
 */
export async function repairUsage(
  tx: EntityManager,
  by: { tenantId: string; userId: string | null; origin: Origin },
  measured: UsageMeasurement,
): Promise<void> {
  const { tenantId } = by
  const { counted, found, booked } = measured
  await setCounters(tx, tenantId, measured)
  const missing = {
    bytes: found.totalStorageBytes - booked.bytes,
    items: found.totalContentItems - booked.items,
  }
  await bookCorrection(tx, tenantId, missing)
  const value = describeDrift(measured)
  await openAlert(tx, tenantId, { kind: 'USAGE_DRIFT', threshold: '0', value })
  const after = {
    ...found,
    ledgerBytes: found.totalStorageBytes,
    ledgerItems: found.totalContentItems,
  }
  await recordAudit(tx, by, [
    {
      action: 'quota.recalculate',
      subject: { type: 'Tenant', id: tenantId },
      before: { ...counted, ledgerBytes: booked.bytes, ledgerItems: booked.items },
      after,
    },
  ])
}

/** By how much each counter was off, e.g. `totalStorageBytes +5, ledger bytes -5`. */
export function describeDrift({ counted, found, booked }: UsageMeasurement): string {
  const differences = driftOf(counted, found).map(
    (counter) => [counter, counted[counter] - found[counter]] as const,
  )
  const ledger = [
    ['ledger bytes', booked.bytes - found.totalStorageBytes],
    ['ledger items', booked.items - found.totalContentItems],
  ] as const
  return [...differences, ...ledger.filter(([, difference]) => difference !== 0)]
    .map(([name, difference]) => `${name} ${difference > 0 ? '+' : ''}${difference}`)
    .join(', ')
}

async function setCounters(
  tx: EntityManager,
  tenantId: string,
  { found }: UsageMeasurement,
): Promise<void> {
  await tx.execute(
    `update content_storage_usage set total_content_items = ?, total_storage_bytes = ?,
       reserved_bytes = ?, stored_body_bytes = ?, sequence = sequence + 1,
       last_calculated_at = now(), updated_at = now()
     where tenant_id = ?`,
    [
      found.totalContentItems,
      found.totalStorageBytes,
      found.reservedBytes,
      found.storedBodyBytes,
      tenantId,
    ],
  )
}

async function bookCorrection(
  tx: EntityManager,
  tenantId: string,
  { bytes, items }: { bytes: number; items: number },
): Promise<void> {
  if (bytes === 0 && items === 0) return
  await tx.execute(
    `insert into usage_ledger (tenant_id, operation_id, content_id, bytes, items, kind)
     values (?, ?, null, ?, ?, 'correction')`,
    [tenantId, newId(), bytes, items],
  )
}
