import type { EntityManager } from '@mikro-orm/postgresql'
import { ValidationError } from '../../lib/errors.ts'
import type { PlannedWrite } from './plan-write.ts'
import type { WriteOutcome } from './write.ts'

/** How long a key is remembered (schema: `idempotencyKey`). */
export const keyHours = 24

interface KeyRow {
  operation: string
  key: string
  inputHash: string
  contentId: string
  intentId: string
  completed: boolean
  expired: boolean
  /** The earlier attempt holds a pending intent whose lease still runs. */
  running: boolean
}

export interface ClaimedKeys {
  /** Of writes whose key was used before: the earlier result, or an error. */
  outcomes: Map<PlannedWrite, WriteOutcome>
  /** Intents of earlier attempts that died and whose keys were taken over; to be fenced. */
  superseded: string[]
}

/** Claims the idempotency keys of `writes`, in key order so that two batches cannot deadlock. */
export async function claimKeys(
  tx: EntityManager,
  writes: readonly PlannedWrite[],
): Promise<ClaimedKeys> {
  const superseded: string[] = []
  const outcomes = new Map<PlannedWrite, WriteOutcome>()
  const keyed = writes
    .filter((write) => write.idempotencyKey !== null)
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  const claimed = new Set(await insertKeys(tx, keyed))
  const contested = keyed.filter((write) => !claimed.has(write.intentId))
  for (const write of contested) {
    const twin = keyed.find((other) => claimed.has(other.intentId) && keyOf(other) === keyOf(write))
    const outcome = twin
      ? { error: duplicate(write) }
      : await settleContested(tx, write, superseded)
    if (outcome) outcomes.set(write, outcome)
  }
  return { outcomes, superseded }
}

function keyOf({ operation, idempotencyKey }: PlannedWrite): string {
  return `${operation}:${idempotencyKey}`
}

/** Waits for a parallel claim of the same key to commit or vanish; answers the intents that won. */
async function insertKeys(tx: EntityManager, writes: readonly PlannedWrite[]): Promise<string[]> {
  if (writes.length === 0) return []
  const rows = writes.map((write) => ({
    tenant_id: write.next.tenantId,
    operation: write.operation,
    key: write.idempotencyKey,
    input_hash: write.inputHash,
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
  superseded: string[],
): Promise<WriteOutcome | undefined> {
  const row = await lockKey(tx, write)
  if (row && !row.expired) {
    if (row.inputHash !== write.inputHash) return { error: mismatch(write) }
    if (row.completed) return { contentId: row.contentId }
    if (row.running) return { error: inProgress(write) }
  }
  if (row && !row.completed) superseded.push(row.intentId)
  await tx.execute(
    `update idempotency_keys set input_hash = ?, content_id = ?, intent_id = ?, completed_at = null,
       created_at = now()
     where tenant_id = ? and operation = ? and key = ?`,
    [write.inputHash, write.next.id, write.intentId, ...nameOf(write)],
  )
  return undefined
}

async function lockKey(tx: EntityManager, write: PlannedWrite): Promise<KeyRow | undefined> {
  const [row] = await tx.execute<KeyRow[]>(
    `select k.operation, k.key, k.input_hash as "inputHash", k.content_id as "contentId",
       k.intent_id as "intentId", k.completed_at is not null as completed,
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
function nameOf({ next, operation, idempotencyKey }: PlannedWrite) {
  return [next.tenantId, operation, idempotencyKey]
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
  { path }: PlannedWrite,
  code: 'IDEMPOTENCY_MISMATCH' | 'IDEMPOTENCY_IN_PROGRESS',
  message: string,
): ValidationError {
  return new ValidationError([{ path: [...path, 'idempotencyKey'], code, message }], code)
}
