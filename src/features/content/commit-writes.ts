import type { EntityManager } from '@mikro-orm/postgresql'
import { type ConflictError, StorageUnavailableError, UpstreamError } from '../../lib/errors.ts'
import { newId } from '../../lib/id.ts'
import { settleStorage } from '../quota/storage-usage.ts'
import { releaseIntents } from './abort-writes.ts'
import { advanceContents } from './advance-contents.ts'
import { type PlannedWrite, reservedBytes } from './plan-write.ts'
import type { BatchErrorPolicy, WriteDeps, WriteOutcome } from './write.ts'

/**
 * Last step, the switch: one transaction that flips the intents if they are still pending (the
 * fence), advances the contents, records versions, outbox and ledger, and settles the quota, in the
 * one lock order: idempotency keys, intents, contents, outbox, quota.
 */
export async function commitWrites(
  deps: WriteDeps,
  writes: readonly PlannedWrite[],
  policy: BatchErrorPolicy,
  outcomes: Map<PlannedWrite, WriteOutcome>,
): Promise<void> {
  if (writes.length === 0) return
  const commit = (tx: EntityManager) => commitIn(tx, deps.tenantId, writes, policy)
  const committed = await deps.database
    .transaction(deps.tenantId, commit, deps.plan)
    .catch((error: unknown) => resolveUnknown(deps, writes, error))
  for (const write of writes) {
    const conflict = committed.get(write)
    outcomes.set(write, conflict ? { error: conflict } : { contentId: write.next.id })
    if (!conflict && write.body) deps.documents.put(deps.tenantId, write.body.document)
  }
}

/** Answers the writes that lost to another; with REJECT_ALL the first of them is thrown. */
async function commitIn(
  tx: EntityManager,
  tenantId: string,
  writes: readonly PlannedWrite[],
  policy: BatchErrorPolicy,
): Promise<Map<PlannedWrite, ConflictError>> {
  await tx.execute(
    `select from idempotency_keys where tenant_id = ? and intent_id = any(?::uuid[])
     order by operation, key for update`,
    intentsOf(tenantId, writes),
  )
  await claimIntents(tx, tenantId, writes)
  const conflicts = await advanceContents(tx, writes)
  const [first] = conflicts.values()
  if (first && policy === 'REJECT_ALL') throw first
  const won = writes.filter((write) => !conflicts.has(write))
  await recordVersions(tx, won)
  await tx.execute(
    `update idempotency_keys set completed_at = now()
     where tenant_id = ? and intent_id = any(?::uuid[])`,
    intentsOf(tenantId, won),
  )
  await releaseCommitted(tx, tenantId, writes, won)
  return conflicts
}

/** Fails unless every intent is still pending: a sweeper that came first has the last word. */
async function claimIntents(
  tx: EntityManager,
  tenantId: string,
  writes: readonly PlannedWrite[],
): Promise<void> {
  const claimed = await tx.execute<unknown[]>(
    `update content_write_intents set state = 'committed'
     where tenant_id = ? and id = any(?::uuid[]) and state = 'pending' returning id`,
    intentsOf(tenantId, writes),
  )
  if (claimed.length < writes.length) {
    throw new StorageUnavailableError(
      new UpstreamError('ZeroDB', 'timeout', 'the write took longer than its lease'),
    )
  }
}

async function recordVersions(tx: EntityManager, writes: readonly PlannedWrite[]): Promise<void> {
  if (writes.length === 0) return
  const rows = writes.map(
    ({ next, history, historyId, changeType, intentId, growth, previous }) => ({
      tenant_id: next.tenantId,
      id: historyId,
      content_id: next.id,
      version_number: next.version,
      change_type: changeType,
      changed_by_user_id: history['changed_by_user_id'],
      document_id: next.zerodbId,
      size_bytes: next.storageSizeBytes,
      sha256: next.sha256,
      outbox_id: newId(),
      operation_id: intentId,
      bytes: growth,
      items: previous ? 0 : 1,
    }),
  )
  await tx.execute(
    `with written as (
       select * from jsonb_to_recordset(?::jsonb) as w (tenant_id uuid, id uuid, content_id uuid,
         version_number integer, change_type text, changed_by_user_id uuid, document_id uuid,
         size_bytes bigint, sha256 text, outbox_id uuid, operation_id uuid, bytes bigint, items integer)
     ), versions as (
       insert into content_versions (tenant_id, id, content_id, version_number, change_type,
         changed_by_user_id, document_id, size_bytes, sha256)
       select tenant_id, id, content_id, version_number, change_type, changed_by_user_id,
         document_id, size_bytes, sha256 from written
     ), outbox as (
       insert into backup_outbox (tenant_id, id, content_id, version_number, operation)
       select tenant_id, outbox_id, content_id, version_number, 'upsert' from written
     )
     insert into usage_ledger (tenant_id, operation_id, content_id, bytes, items)
     select tenant_id, operation_id, content_id, bytes, items from written`,
    [JSON.stringify(rows)],
  )
}

/** The winners' reservations become usage; the losers' intents are fenced and theirs released. */
async function releaseCommitted(
  tx: EntityManager,
  tenantId: string,
  writes: readonly PlannedWrite[],
  won: readonly PlannedWrite[],
): Promise<void> {
  const lost = writes.filter((write) => !won.includes(write))
  await tx.execute(
    `update content_write_intents set state = 'aborted' where tenant_id = ? and id = any(?::uuid[])`,
    intentsOf(tenantId, lost),
  )
  await settleStorage(tx, tenantId, {
    reserved: writes.reduce((sum, write) => sum + reservedBytes(write), 0),
    growth: won.reduce((sum, { growth }) => sum + growth, 0),
    items: won.filter(({ previous }) => previous === null).length,
  })
}

/**
 * The transaction failed. If its commit may have happened after all, the intents tell; otherwise the
 * writes are fenced and the failure goes on to the caller.
 */
async function resolveUnknown(
  { database, tenantId }: WriteDeps,
  writes: readonly PlannedWrite[],
  failure: unknown,
): Promise<Map<PlannedWrite, ConflictError>> {
  const settle = async (tx: EntityManager) => {
    await releaseIntents(
      tx,
      tenantId,
      writes.map(({ intentId }) => intentId),
    )
    return tx.execute<{ id: string }[]>(
      `select id from content_write_intents
       where tenant_id = ? and id = any(?::uuid[]) and state = 'committed'`,
      intentsOf(tenantId, writes),
    )
  }
  const committed = await database.transaction(tenantId, settle).catch((): { id: string }[] => [])
  if (committed.length === writes.length) return new Map()
  if (failure instanceof UpstreamError) {
    throw new StorageUnavailableError(failure, failure.mayHaveApplied ? 'unknown' : 'unchanged')
  }
  throw failure
}

/** The two parameters of "these intents of this tenant". */
function intentsOf(tenantId: string, writes: readonly PlannedWrite[]): [string, string] {
  return [tenantId, `{${writes.map(({ intentId }) => intentId).join(',')}}`]
}
