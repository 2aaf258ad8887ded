import type { EntityManager } from '@mikro-orm/postgresql'
import { type DomainError, ValidationError } from '../../lib/errors.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { PlannedWrite, WriteCall } from './plan-write.ts'
import type { Written } from './write.ts'
import { purgedSince } from './write-conflicts.ts'

/** How long a key is remembered (schema: `idempotencyKey`). */
export const keyHours = 24

interface KeyRow {
  operation: string
  key: string
  inputHash: string
  contentId: string
  /** Null when the call found nothing to change. */
  intentId: string | null
  /** The version it made; null until it has. */
  versionNumber: number | null
  /** What it made was purged since. */
  purged: boolean
  expired: boolean
  /** The earlier attempt holds a pending intent whose lease still runs. */
  running: boolean
}

export interface ClaimedKeys {
  /** Repeats of calls that had their effect: what that was. */
  repeated: Map<PlannedWrite, Written>
  /** Writes whose key is another call's, or in use. */
  failed: Map<PlannedWrite, DomainError>
  /** Intents of earlier attempts that died and whose keys were taken over; to be fenced. */
  superseded: string[]
}

/** Claims the idempotency keys of `writes`, in key order so that two batches cannot deadlock. */
export async function claimKeys(
  tx: EntityManager,
  writes: readonly PlannedWrite[],
): Promise<ClaimedKeys> {
  const claims: ClaimedKeys = { repeated: new Map(), failed: new Map(), superseded: [] }
  const keyed = writes
    .filter(({ call }) => call.idempotencyKey !== null)
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  const claimed = new Set(await insertKeys(tx, keyed))
  const contested = keyed.filter((write) => !claimed.has(write.intentId))
  for (const write of contested) {
    const isTwin = (other: PlannedWrite) =>
      claimed.has(other.intentId) && keyOf(other) === keyOf(write)
    if (keyed.some(isTwin)) claims.failed.set(write, duplicate(write))
    else await settleContested(tx, write, claims)
  }
  return claims
}

function keyOf({ call }: PlannedWrite): string {
  return `${call.operation}:${call.idempotencyKey}`
}

/** Waits for a parallel claim of the same key to commit or vanish; answers the intents that won. */
async function insertKeys(tx: EntityManager, writes: readonly PlannedWrite[]): Promise<string[]> {
  if (writes.length === 0) return []
  const rows = writes.map((write) => ({
    tenant_id: write.next.tenantId,
    operation: write.call.operation,
    key: write.call.idempotencyKey,
    input_hash: write.call.inputHash,
    content_id: write.next.id,
    intent_id: write.intentId,
  }))
  const claimed = await tx.execute<{ intent_id: string }[]>(
    `insert into idempotency_keys (tenant_id, operation, key, input_hash, content_id, intent_id)
     select tenant_id, operation, key, input_hash, content_id, intent_id
     from jsonb_populate_recordset(null::idempotency_keys, ?::jsonb)
     on conflict do nothing returning intent_id`,
    [JSON.stringify(rows)],
  )
  return claimed.map((row) => row.intent_id)
}

async function settleContested(
  tx: EntityManager,
  write: PlannedWrite,
  { repeated, failed, superseded }: ClaimedKeys,
): Promise<void> {
  const row = await lockKey(tx, write)
  if (row && !row.expired) {
    const { contentId, versionNumber } = row
    if (row.inputHash !== write.call.inputHash) return void failed.set(write, mismatch(write))
    if (row.purged) return void failed.set(write, purgedSince(write, contentId))
    if (versionNumber) return void repeated.set(write, { contentId, version: versionNumber })
    if (row.running) return void failed.set(write, inProgress(write))
  }
  if (row?.intentId && row.versionNumber === null) superseded.push(row.intentId)
  await tx.execute(
    `update idempotency_keys set input_hash = ?, content_id = ?, intent_id = ?, completed_at = null,
       version_number = null, created_at = now()
     where tenant_id = ? and operation = ? and key = ?`,
    [write.call.inputHash, write.next.id, write.intentId, ...nameOf(write)],
  )
}

/** Remembers, under their keys, that these calls found nothing to change: nor will their repeats. */
export async function completeIdle(
  tx: EntityManager,
  tenantId: string,
  writes: readonly PlannedWrite[],
): Promise<void> {
  if (writes.length === 0) return
  const rows = writes.map(({ intentId, previous }) => ({
    id: intentId,
    version: previous?.version,
  }))
  await tx.execute(
    `update idempotency_keys k
     set completed_at = now(), version_number = w.version, intent_id = null
     from jsonb_to_recordset(?::jsonb) as w (id uuid, version integer)
     where k.tenant_id = ? and k.intent_id = w.id`,
    [JSON.stringify(rows), tenantId],
  )
}

async function lockKey(tx: EntityManager, write: PlannedWrite): Promise<KeyRow | undefined> {
  const [row] = await tx.execute<KeyRow[]>(
    `select k.operation, k.key, k.input_hash as "inputHash", k.content_id as "contentId",
       k.intent_id as "intentId",
       case when k.completed_at is not null then coalesce(k.version_number, 1) end as "versionNumber",
       exists (
         select from content_tombstones t
         where t.tenant_id = k.tenant_id and t.content_id = k.content_id
       ) as purged,
       k.created_at < now() - make_interval(hours => ?) as expired,
       exists (
         select from content_write_intents i
         where i.tenant_id = k.tenant_id and i.id = k.intent_id and i.state = 'pending' and i.lease_expires_at > now()
       ) as running
     from idempotency_keys k
     where k.tenant_id = ? and k.operation = ? and k.key = ? for update of k`,
    [keyHours, ...nameOf(write)],
  )
  return row
}

/** The primary key of an idempotency key. */
function nameOf({ next, call }: PlannedWrite) {
  return [next.tenantId, call.operation, call.idempotencyKey]
}

function mismatch(write: PlannedWrite): ValidationError {
  const message = 'was used within the last 24 hours with another input; choose a new key'
  return keyError(write, 'IDEMPOTENCY_MISMATCH', message)
}

function inProgress(write: PlannedWrite): ValidationError {
  const message = 'is in use by a call under way; repeat this call soon'
  return keyError(write, 'IDEMPOTENCY_IN_PROGRESS', message)
}

function duplicate(write: PlannedWrite): ValidationError {
  return keyError(write, 'IDEMPOTENCY_MISMATCH', 'is used twice in this batch')
}

function keyError(
  { call: { path } }: PlannedWrite,
  code: 'IDEMPOTENCY_MISMATCH' | 'IDEMPOTENCY_IN_PROGRESS',
  message: string,
): ValidationError {
  return new ValidationError([{ path: [...path, 'idempotencyKey'], code, message }], code)
}

/**
 * What a call with this key and input did earlier, if it did and that was not purged since; nothing is
 * claimed or waited for.
 */
export async function findRepeated(
  { reads, tenantId }: { reads: TenantReads; tenantId: string },
  { operation, idempotencyKey, inputHash }: WriteCall,
): Promise<Written | undefined> {
  if (idempotencyKey === null) return undefined
  const [row] = await reads.rows<Written>(
    `select content_id as "contentId", version_number as version from idempotency_keys k
     where tenant_id = $1 and operation = $2 and key = $3 and input_hash = $4
       and version_number is not null and created_at >= now() - make_interval(hours => $5)
       and not exists (
         select from content_tombstones t
         where t.tenant_id = k.tenant_id and t.content_id = k.content_id
       )`,
    [tenantId, operation, idempotencyKey, inputHash, keyHours],
  )
  return row
}
