import type { EntityManager } from '@mikro-orm/postgresql'
import {
  type ConflictError,
  type DomainError,
  StorageUnavailableError,
  UpstreamError,
} from '../../lib/errors.ts'
import { step } from '../../lib/failpoints.ts'
import type { UsageChange } from '../quota/storage-usage.ts'
import { confirmRights } from '../tenancy/confirm-rights.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import { releaseIntents } from './abort-writes.ts'
import { advanceContents } from './advance-contents.ts'
import { auditRecordOf } from './content-audit.ts'
import { type PlannedWrite, reservedBytes } from './plan-write.ts'
import { queueDocuments } from './queue-documents.ts'
import { recordVersions } from './record-versions.ts'
import { whyLost } from './write-conflicts.ts'
import type { BatchErrorPolicy, WriteDeps, WriteOutcome } from './write.ts'

/** Where the documents of writes are, once they are to be committed. */
export interface Placed {
  /** In ZeroDB. */
  stored: readonly PlannedWrite[]
  /** Nowhere yet: they are committed into the queue of PostgreSQL. */
  queued: readonly PlannedWrite[]
}

/** What else must hold, and is to become true, in the transaction that commits writes. */
export interface WriteCompanion {
  /** Locks rows of its own, before any content is; answers the writes that must not be committed. */
  guard(
    tx: EntityManager,
    writes: readonly PlannedWrite[],
  ): Promise<ReadonlyMap<PlannedWrite, DomainError>>
  /** Records what was committed, before the quota is settled. */
  record(tx: EntityManager, won: readonly PlannedWrite[]): Promise<void>
}

/**
 * Last step, the switch: one transaction that flips the intents if they are still pending (the
 * fence), advances the contents, records versions, outbox and ledger, and settles the quota, in the
 * one lock order: idempotency keys, intents, contents, versions, outbox, quota.
 */
export async function commitWrites(
  deps: WriteDeps,
  { stored, queued }: Placed,
  policy: BatchErrorPolicy,
  outcomes: Map<PlannedWrite, WriteOutcome>,
  companion?: WriteCompanion,
): Promise<void> {
  const writes = [...stored, ...queued]
  if (writes.length === 0) return
  const { database, tenantId, plan } = deps
  const commit = (tx: EntityManager) => commitIn(tx, deps, { stored, queued }, policy, companion)
  const lost = await step('commit', deps, () => database.transaction(tenantId, commit, plan)).catch(
    (error: unknown) => resolveUnknown(deps, writes, error),
  )
  for (const write of writes) {
    const error = lost.get(write)
    if (error) {
      outcomes.set(write, { error })
      continue
    }
    const { next, body } = write
    outcomes.set(write, { contentId: next.id, version: next.version })
    if (body && !queued.includes(write)) deps.documents.put(tenantId, body.document)
  }
}

/** Answers the writes that lost to another; with REJECT_ALL the first of them is thrown. */
async function commitIn(
  tx: EntityManager,
  deps: WriteDeps,
  { stored, queued }: Placed,
  policy: BatchErrorPolicy,
  companion: WriteCompanion | undefined,
): Promise<ReadonlyMap<PlannedWrite, DomainError>> {
  const { tenantId, viewer, origin } = deps
  const writes = [...stored, ...queued]
  await confirmRights(tx, deps, brandsOf(writes))
  await tx.execute(
    `select from idempotency_keys where tenant_id = ? and intent_id = any(?::uuid[])
     order by operation, key for update`,
    intentsOf(tenantId, writes),
  )
  await claimIntents(tx, tenantId, writes)
  const refused = await companion?.guard(tx, writes)
  const admitted = writes.filter((write) => !refused?.has(write))
  const lost = new Map([...(refused ?? []), ...(await advanceContents(tx, tenantId, admitted))])
  const [first] = lost.values()
  if (first && policy === 'REJECT_ALL') throw first
  const won = writes.filter((write) => !lost.has(write))
  // It only inserts: before the rows that all writers of the tenant lock.
  await recordAudit(tx, { tenantId, userId: viewer.userId, origin }, won.map(auditRecordOf))
  await queueDocuments(
    tx,
    queued.filter((write) => !lost.has(write)),
  )
  await companion?.record(tx, won)
  await abortLost(tx, tenantId, [...lost.keys()])
  await recordVersions(tx, tenantId, won, usageOf(writes, won))
  return lost
}

/** Where the contents are, and where they are to be. */
function brandsOf(writes: readonly PlannedWrite[]): Set<string> {
  return new Set(
    writes.flatMap(({ next, previous }) => [next.brandId ?? [], previous?.brandId ?? []].flat()),
  )
}

/** Fails unless every intent is still pending: a sweeper that came first has the last word. */
async function claimIntents(
  tx: EntityManager,
  tenantId: string,
  writes: readonly PlannedWrite[],
): Promise<void> {
  const claimed = await tx.execute<unknown[]>(
    `update content_write_intents i set state = 'committed'
     from (
       select id from content_write_intents
       where tenant_id = ? and id = any(?::uuid[]) and state = 'pending' order by id for update
     ) mine
     where i.tenant_id = ? and i.id = mine.id returning i.id`,
    [...intentsOf(tenantId, writes), tenantId],
  )
  if (claimed.length < writes.length) {
    throw new StorageUnavailableError(
      new UpstreamError('ZeroDB', 'timeout', 'the write took longer than its lease'),
    )
  }
}

/** Fences the intents of those that lost. */
async function abortLost(
  tx: EntityManager,
  tenantId: string,
  lost: readonly PlannedWrite[],
): Promise<void> {
  if (lost.length === 0) return
  await tx.execute(
    `update content_write_intents set state = 'aborted'
     where tenant_id = ? and id = any(?::uuid[])`,
    intentsOf(tenantId, lost),
  )
}

/** The winners' reservations become usage, the losers' are released. */
function usageOf(writes: readonly PlannedWrite[], won: readonly PlannedWrite[]): UsageChange {
  return {
    reserved: sumOf(writes, reservedBytes),
    growth: sumOf(won, ({ growth }) => growth),
    items: sumOf(won, ({ items }) => items),
    stored: sumOf(won, ({ body }) => body?.document.sizeBytes ?? 0),
  }
}

function sumOf(writes: readonly PlannedWrite[], valueOf: (write: PlannedWrite) => number): number {
  return writes.reduce((sum, write) => sum + valueOf(write), 0)
}

/**
 * The transaction failed. If its commit happened after all, the intents tell which writes won;
 * otherwise the writes are fenced and the failure goes on to the caller.
 */
async function resolveUnknown(
  deps: WriteDeps,
  writes: readonly PlannedWrite[],
  failure: unknown,
): Promise<ReadonlyMap<PlannedWrite, DomainError>> {
  const { database, tenantId } = deps
  const ids = writes.map(({ intentId }) => intentId)
  const lost = await step('resolve', deps, () =>
    database.transaction(tenantId, async (tx) => {
      await releaseIntents(tx, tenantId, ids)
      return findLost(tx, tenantId, writes)
    }),
  ).catch(() => undefined)
  if (lost && lost.size < writes.length) return lost
  if (failure instanceof UpstreamError) {
    throw new StorageUnavailableError(failure, failure.mayHaveApplied ? 'unknown' : 'unchanged')
  }
  throw failure
}

/** The writes that were not committed. */
async function findLost(
  tx: EntityManager,
  tenantId: string,
  writes: readonly PlannedWrite[],
): Promise<Map<PlannedWrite, ConflictError>> {
  const committed = await tx.execute<{ id: string }[]>(
    `select id from content_write_intents
     where tenant_id = ? and id = any(?::uuid[]) and state = 'committed'`,
    intentsOf(tenantId, writes),
  )
  const ids = new Set(committed.map(({ id }) => id))
  const lost = new Map<PlannedWrite, ConflictError>()
  for (const write of writes) {
    if (!ids.has(write.intentId)) lost.set(write, await whyLost(tx, write))
  }
  return lost
}

/** The two parameters of "these intents of this tenant". */
function intentsOf(tenantId: string, writes: readonly PlannedWrite[]): [string, string] {
  return [tenantId, `{${writes.map(({ intentId }) => intentId).join(',')}}`]
}
