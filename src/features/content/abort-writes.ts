import type { EntityManager } from '@mikro-orm/postgresql'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { settleStorage } from '../quota/storage-usage.ts'
import type { PlannedWrite } from './plan-write.ts'

/**
 * Fences writes that will not be finished and gives back what they reserved. Their documents are
 * left to the sweeper: deleting them here would race with inserts whose answer was lost.
 */
export async function abortWrites(
  deps: { database: Database; tenantId: string; plan?: Plan },
  writes: readonly PlannedWrite[],
): Promise<void> {
  if (writes.length === 0) return
  const ids = writes.map(({ intentId }) => intentId)
  await deps.database.transaction(
    deps.tenantId,
    (tx) => releaseIntents(tx, deps.tenantId, ids),
    deps.plan,
  )
}

/** The same inside a transaction; intents that are no longer pending stay as they are. */
export async function releaseIntents(
  tx: EntityManager,
  tenantId: string,
  intentIds: readonly string[],
): Promise<void> {
  const released = await tx.execute<{ reserved_bytes: string }[]>(
    `update content_write_intents set state = 'aborted'
     where tenant_id = ? and id = any(?::uuid[]) and state = 'pending' returning reserved_bytes`,
    [tenantId, `{${intentIds.join(',')}}`],
  )
  const reserved = released.reduce((sum, row) => sum + Number(row.reserved_bytes), 0)
  await settleStorage(tx, tenantId, { reserved, growth: 0, items: 0 })
}
