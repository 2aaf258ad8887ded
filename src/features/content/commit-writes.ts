import { type EntityManager, raw } from '@mikro-orm/postgresql'
import { ConflictError, StorageUnavailableError, UpstreamError } from '../../lib/errors.ts'
import { newId } from '../../lib/id.ts'
import { isUniqueViolation } from '../../platform/postgres/database.ts'
import { settleStorage } from '../quota/storage-usage.ts'
import { releaseIntents } from './abort-writes.ts'
import { Content } from './content.entity.ts'
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
    `select from idempotency_keys where intent_id = any(?::uuid[]) order by operation, key for update`,
    [intentIds(writes)],
  )
  await claimIntents(tx, writes)
  const conflicts = await advanceContents(tx, writes)
  const [first] = conflicts.values()
  if (first && policy === 'REJECT_ALL') throw first
  const won = writes.filter((write) => !conflicts.has(write))
  await recordVersions(tx, won)
  await tx.execute(
    `update idempotency_keys set completed_at = now() where intent_id = any(?::uuid[])`,
    [intentIds(won)],
  )
  await releaseCommitted(tx, tenantId, writes, won)
  return conflicts
}

/** Fails unless every intent is still pending: a sweeper that came first has the last word. */
async function claimIntents(tx: EntityManager, writes: readonly PlannedWrite[]): Promise<void> {
  const claimed = await tx.execute<unknown[]>(
    `update content_write_intents set state = 'committed'
     where id = any(?::uuid[]) and state = 'pending' returning id`,
    [intentIds(writes)],
  )
  if (claimed.length < writes.length) {
    throw new StorageUnavailableError(
      new UpstreamError('ZeroDB', 'timeout', 'the write took longer than its lease'),
    )
  }
}

async function advanceContents(tx: EntityManager, writes: readonly PlannedWrite[]) {
  const conflicts = new Map<PlannedWrite, ConflictError>()
  for (const write of await lostCreates(tx, writes)) {
    const { externalSystem, externalId } = write.next
    conflicts.set(write, await existsAlready(tx, externalSystem, externalId))
  }
  for (const write of writes) {
    const conflict = write.previous && (await advance(tx, write, write.previous))
    if (conflict) conflicts.set(write, conflict)
  }
  return conflicts
}

async function advance(
  tx: EntityManager,
  { next }: PlannedWrite,
  previous: Content,
): Promise<ConflictError | undefined> {
  const { tenantId, id, ...columns } = next
  const { externalSystem, externalId } = next
  const update = (em: EntityManager) =>
    em.nativeUpdate(
      Content,
      { tenantId, id, version: previous.version, deletedAt: null },
      { ...columns, updatedAt: databaseTime() },
    )
  const keepsRef = externalSystem === previous.externalSystem && externalId === previous.externalId
  try {
    // A savepoint, because a reference that is taken must not end the writes around this one.
    const advanced = await (keepsRef ? update(tx) : tx.transactional(update))
    return advanced === 0 ? await movedOn(tx, id) : undefined
  } catch (error) {
    if (!isUniqueViolation(error, 'uq_content_items_external_ref')) throw error
    return existsAlready(tx, externalSystem, externalId)
  }
}

/** Inserts the new contents; answers those whose external reference is taken. */
async function lostCreates(tx: EntityManager, writes: readonly PlannedWrite[]) {
  // Sorted, so that two batches with the same references cannot wait for each other.
  const creates = writes
    .filter(({ previous }) => previous === null)
    .toSorted((a, b) => (refOf(a) < refOf(b) ? -1 : 1))
  if (creates.length === 0) return []
  const inserted = await tx
    .createQueryBuilder(Content)
    .insert(
      creates.map(({ next }) => ({
        ...next,
        createdAt: databaseTime(),
        updatedAt: databaseTime(),
      })),
    )
    .onConflict()
    .ignore()
    .returning(['id'])
    .execute<{ id: string }[]>('all')
  const ids = new Set(inserted.map(({ id }) => id))
  return creates.filter(({ next }) => !ids.has(next.id))
}

function refOf({ next }: PlannedWrite): string {
  return JSON.stringify([next.externalSystem, next.externalId])
}

/** The commit's own time: the clocks of gateways differ, the database's is one. */
function databaseTime(): Date {
  return raw<Date>('now()')
}

async function existsAlready(
  tx: EntityManager,
  system: string | null | undefined,
  id: string | null | undefined,
): Promise<ConflictError> {
  const [current] = await tx.execute<{ contentId: string; version: number }[]>(
    `select id as "contentId", version from content_items
     where external_system = ? and external_id = ? and deleted_at is null`,
    [system, id],
  )
  const message = `A content with the external reference "${system}:${id}" exists already.`
  return new ConflictError(message, current ?? { contentId: '', version: 0 })
}

async function movedOn(tx: EntityManager, contentId: string): Promise<ConflictError> {
  const [current] = await tx.execute<{ version: number }[]>(
    `select version from content_items where id = ?`,
    [contentId],
  )
  const version = current?.version ?? 0
  return new ConflictError(`The content is at version ${version} by now.`, { contentId, version })
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
  await tx.execute(`update content_write_intents set state = 'aborted' where id = any(?::uuid[])`, [
    intentIds(lost),
  ])
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
      `select id from content_write_intents where id = any(?::uuid[]) and state = 'committed'`,
      [intentIds(writes)],
    )
  }
  const committed = await database.transaction(tenantId, settle).catch((): { id: string }[] => [])
  if (committed.length === writes.length) return new Map()
  if (failure instanceof UpstreamError) throw new StorageUnavailableError(failure, 'unknown')
  throw failure
}

function intentIds(writes: readonly PlannedWrite[]): string {
  return `{${writes.map(({ intentId }) => intentId).join(',')}}`
}
