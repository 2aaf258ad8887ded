import type { EntityManager } from '@mikro-orm/postgresql'
import { step } from '../../lib/failpoints.ts'
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
  const { database, tenantId, plan } = deps
  const release = (tx: EntityManager) => releaseIntents(tx, tenantId, ids)
  await step('abort', deps, () => database.transaction(tenantId, release, plan))
}

/** The same inside a transaction; intents that are no longer pending stay as they are. */
export async function releaseIntents(
  tx: EntityManager,
  tenantId: string,
  intentIds: readonly string[],
): Promise<void> {
  if (intentIds.length === 0) return
  const released = await tx.execute<{ reserved_bytes: string }[]>(
    `update content_write_intents i set state = 'aborted'
     from (
       select id from content_write_intents
       where tenant_id = ? and id = any(?::uuid[]) and state = 'pending' order by id for update
     ) open
     where i.tenant_id = ? and i.id = open.id returning i.reserved_bytes`,
    [tenantId, `{${intentIds.join(',')}}`, tenantId],
  )
  const reserved = released.reduce((sum, row) => sum + Number(row.reserved_bytes), 0)
  await settleStorage(tx, tenantId, { reserved, growth: 0, items: 0, stored: 0 })
}
