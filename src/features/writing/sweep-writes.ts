import type { EntityManager } from '@mikro-orm/postgresql'
import { step } from '../../lib/failpoints.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'
import { releaseIntents } from './abort-writes.ts'
import { keyHours } from './claim-keys.ts'
import { bodyTable, historyTable } from '../content/documents.ts'

export interface SweepDeps {
  database: Database
  zerodb: ZeroDb
  signal: AbortSignal
}

/** Per tenant and pass; what is left over is found by the next pass. */
const batchSize = 500

/**
 * Cleans up after writers that died: fences their intents, gives back what they reserved, then
 * deletes the documents they may have stored. Fence first: a writer that still lives finds its
 * intent gone and cannot commit to a document that is about to vanish. Safe to run anywhere, any time.
 */
export async function sweepWrites(deps: SweepDeps): Promise<void> {
  const tenants = await deps.database.reads.asSystem().rows<{ tenantId: string }>(
    `select distinct tenant_id as "tenantId" from content_write_intents
     where lease_expires_at < now()
       and (state in ('pending', 'aborted') or lease_expires_at < now() - make_interval(hours => $1))`,
    [keyHours],
  )
  // Everybody's first: while ZeroDB is away, what dead writers had reserved must not stay reserved.
  for (const { tenantId } of tenants) await fenceExpired(deps, tenantId)
  for (const { tenantId } of tenants) await removeSwept(deps, tenantId)
}

/** The same for one tenant. */
export async function sweepTenant(deps: SweepDeps, tenantId: string): Promise<void> {
  await fenceExpired(deps, tenantId)
  await removeSwept(deps, tenantId)
}

async function removeSwept(deps: SweepDeps, tenantId: string): Promise<void> {
  deps.signal.throwIfAborted()
  await deleteDocuments(deps, tenantId, 'aborted', 'swept', `lease_expires_at < now()`)
  // Once more a day later: an insert may have been on its way while its writer was asleep.
  const dayAgo = `lease_expires_at < now() - interval '${keyHours} hours'`
  await deleteDocuments(deps, tenantId, 'swept', 'collected', dayAgo)
  await step('forgetOld', { tenantId }, () => forgetOld(deps, tenantId, dayAgo))
}

function forgetOld({ database }: SweepDeps, tenantId: string, dayAgo: string): Promise<void> {
  return database.transaction(tenantId, async (tx) => {
    await tx.execute(
      `delete from idempotency_keys
       where tenant_id = ? and created_at < now() - make_interval(hours => ?)`,
      [tenantId, keyHours],
    )
    await tx.execute(
      `delete from content_write_intents
       where tenant_id = ? and state in ('committed', 'collected') and ${dayAgo}`,
      [tenantId],
    )
  })
}

async function fenceExpired({ database, signal }: SweepDeps, tenantId: string): Promise<void> {
  signal.throwIfAborted()
  const fence = async (tx: EntityManager) => {
    const expired = await tx.execute<{ id: string }[]>(
      `select id from content_write_intents
       where tenant_id = ? and state = 'pending' and lease_expires_at < now()
       order by id limit ? for update skip locked`,
      [tenantId, batchSize],
    )
    const ids = expired.map(({ id }) => id)
    await releaseIntents(tx, tenantId, ids)
  }
  await step('fence', { tenantId }, () => database.transaction(tenantId, fence))
}

async function deleteDocuments(
  { database, zerodb, signal }: SweepDeps,
  tenantId: string,
  from: 'aborted' | 'swept',
  to: 'swept' | 'collected',
  due: string,
): Promise<void> {
  const intents = await database.reads
    .forTenant(tenantId)
    .rows<{ id: string; documentId: string | null; historyId: string }>(
      `select id, document_id as "documentId", history_id as "historyId" from content_write_intents
       where tenant_id = $1 and state = $2 and ${due} order by id limit $3`,
      [tenantId, from, batchSize],
    )
  if (intents.length === 0) return
  const documentIds = intents.flatMap(({ documentId }) => documentId ?? [])
  const historyIds = intents.map(({ historyId }) => historyId)
  await step('deleteBodies', { tenantId }, () =>
    zerodb.deleteRowsByKey(tenantId, bodyTable, documentIds, { signal }),
  )
  await step('deleteHistory', { tenantId }, () =>
    zerodb.deleteRowsByKey(tenantId, historyTable, historyIds, { signal }),
  )
  const mark = (tx: EntityManager) =>
    tx.execute(
      `update content_write_intents set state = ?
       where tenant_id = ? and state = ? and id = any(?::uuid[])`,
      [to, tenantId, from, `{${intents.map(({ id }) => id).join(',')}}`],
    )
  await step('markSwept', { tenantId }, () => database.transaction(tenantId, mark))
}
