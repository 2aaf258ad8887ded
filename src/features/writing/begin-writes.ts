import type { EntityManager } from '@mikro-orm/postgresql'
import {
  type ConflictError,
  type DomainError,
  StorageUnavailableError,
  UpstreamError,
  ValidationError,
} from '../../lib/errors.ts'
import { step } from '../../lib/failpoints.ts'
import { QuotaExceededError } from '../quota/quota.errors.ts'
import { recordRejections } from '../quota/record-rejections.ts'
import { quotaExceeded, reserveStorage } from '../quota/storage-usage.ts'
import { abortWrites, releaseIntents } from './abort-writes.ts'
import { claimKeys, completeIdle } from './claim-keys.ts'
import type { Content } from '../content/content.entity.ts'
import { changesNothing, type NextContent, type PlannedWrite, reservedBytes } from './plan-write.ts'
import type { BatchErrorPolicy, WriteDeps, WriteOutcome } from './write.ts'
import { outdated } from './write-conflicts.ts'

/**
 * A writer whose lease has run out may be fenced. Longer than any request may take (15 s), and short,
 * for a caller who repeats a call whose writer died waits so long for its key.
 */
const leaseSeconds = 20

/**
 * First step: one transaction that claims idempotency keys, notes the intents and reserves the
 * bytes; locks in that order. Answers the writes to go on with; the others have their outcome.
 */
export async function beginWrites(
  deps: WriteDeps,
  writes: readonly PlannedWrite[],
  policy: BatchErrorPolicy,
  outcomes: Map<PlannedWrite, WriteOutcome>,
): Promise<PlannedWrite[]> {
  const { database, tenantId, plan } = deps
  const begin = (tx: EntityManager) => beginIn(tx, tenantId, writes, policy)
  try {
    const settled = await step('begin', deps, () => database.transaction(tenantId, begin, plan))
    await recordRejections(deps, [...settled.values()].filter(isOverQuota).length)
    for (const [write, outcome] of settled) outcomes.set(write, outcome)
    return writes.filter((write) => !settled.has(write))
  } catch (error) {
    if (error instanceof QuotaExceededError) await recordRejections(deps, 1)
    if (!(error instanceof UpstreamError)) throw error
    // What may have been noted is nobody's to go on with, and would keep its key until the sweeper comes.
    if (error.mayHaveApplied) await abortWrites(deps, writes).catch(() => {})
    throw new StorageUnavailableError(error)
  }
}

function isOverQuota(outcome: WriteOutcome): boolean {
  return 'error' in outcome && outcome.error instanceof QuotaExceededError
}

/** Answers the writes that end here. */
async function beginIn(
  tx: EntityManager,
  tenantId: string,
  writes: readonly PlannedWrite[],
  policy: BatchErrorPolicy,
): Promise<Map<PlannedWrite, WriteOutcome>> {
  const settled = new Map<PlannedWrite, WriteOutcome>()
  const open = () => writes.filter((write) => !settled.has(write))
  const fail = (failures: Iterable<[PlannedWrite, DomainError]>) => {
    for (const [write, error] of failures) {
      if (policy === 'REJECT_ALL') throw error
      settled.set(write, { error })
    }
  }
  const { failed, repeated, superseded } = await claimKeys(tx, writes)
  fail(failed)
  for (const [write, written] of repeated) settled.set(write, written)
  fail(overtaken(open()))
  const idle = open().filter(changesNothing)
  await completeIdle(tx, tenantId, idle)
  for (const write of idle) {
    settled.set(write, { contentId: write.next.id, version: write.next.version - 1 })
  }
  fail(await danglingReferences(tx, tenantId, open()))
  await insertIntents(tx, open())
  await releaseIntents(tx, tenantId, superseded)
  fail(await reserve(tx, tenantId, open()))
  await forget(tx, tenantId, [...settled.keys()])
  return settled
}

/** After the keys, for a repeat finds the content at the version that its first call made. */
function* overtaken(writes: readonly PlannedWrite[]): Iterable<[PlannedWrite, ConflictError]> {
  for (const write of writes) {
    const { call, previous } = write
    if (!previous || call.expectedVersion === null) continue
    if (call.expectedVersion === previous.version) continue
    yield [write, outdated(write, previous.version)]
  }
}

async function insertIntents(tx: EntityManager, writes: readonly PlannedWrite[]): Promise<void> {
  const rows = writes.map((write) => ({
    tenant_id: write.next.tenantId,
    id: write.intentId,
    content_id: write.next.id,
    version_number: write.next.version,
    document_id: write.body?.document.id ?? null,
    history_id: write.historyId,
    reserved_bytes: reservedBytes(write),
  }))
  await tx.execute(
    `insert into content_write_intents (tenant_id, id, content_id, version_number, document_id,
       history_id, reserved_bytes, lease_expires_at)
     select tenant_id, id, content_id, version_number, document_id, history_id, reserved_bytes,
       now() + make_interval(secs => ?)
     from jsonb_populate_recordset(null::content_write_intents, ?::jsonb)`,
    [leaseSeconds, JSON.stringify(rows)],
  )
}

/** Brands that are not there, and campaign spaces that are not in the brand given. */
async function danglingReferences(
  tx: EntityManager,
  tenantId: string,
  writes: readonly PlannedWrite[],
): Promise<Map<PlannedWrite, ValidationError>> {
  const rejected = new Map<PlannedWrite, ValidationError>()
  const wanted = writes.filter(({ next, previous }) => next.brandId && moves(next, previous))
  if (wanted.length === 0) return rejected
  const [found] = await tx.execute<{ brands: string[]; spaces: string[] }[]>(
    `select array(
         select id::text from brands where tenant_id = ? and id = any(?::uuid[])
       ) as brands,
       array(
         select brand_id || '/' || id from campaign_spaces where tenant_id = ? and id = any(?::uuid[])
       ) as spaces`,
    [tenantId, idList(wanted, 'brandId'), tenantId, idList(wanted, 'campaignSpaceId')],
  )
  const brands = new Set(found?.brands)
  const spaces = new Set(found?.spaces)
  for (const write of wanted) {
    const { brandId, campaignSpaceId } = write.next
    if (brandId && !brands.has(brandId)) {
      rejected.set(write, notThere(write, 'brandId', 'There is no such brand'))
    } else if (campaignSpaceId && !spaces.has(`${brandId}/${campaignSpaceId}`)) {
      const message = 'There is no such campaign space in this brand'
      rejected.set(write, notThere(write, 'campaignSpaceId', message))
    }
  }
  return rejected
}

function idList(writes: readonly PlannedWrite[], name: 'brandId' | 'campaignSpaceId'): string {
  const ids = writes.flatMap(({ next }) => next[name] ?? [])
  return `{${[...new Set(ids)].join(',')}}`
}

function moves(next: NextContent, previous: Content | null): boolean {
  if (!previous) return true
  return next.brandId !== previous.brandId || next.campaignSpaceId !== previous.campaignSpaceId
}

function notThere(
  { call: { path } }: PlannedWrite,
  field: string,
  message: string,
): ValidationError {
  return new ValidationError([{ path: [...path, field], code: 'NOT_FOUND', message }])
}

/** Reserves for all at once; when that does not fit, for one after the other as far as it goes. */
async function reserve(
  tx: EntityManager,
  tenantId: string,
  writes: readonly PlannedWrite[],
): Promise<Map<PlannedWrite, DomainError>> {
  const rejected = new Map<PlannedWrite, DomainError>()
  const total = writes.reduce((sum, write) => sum + reservedBytes(write), 0)
  if (await reserveStorage(tx, tenantId, total)) return rejected
  for (const write of writes) {
    const bytes = reservedBytes(write)
    if (await reserveStorage(tx, tenantId, bytes)) continue
    rejected.set(write, await quotaExceeded(tx, tenantId, bytes, write.call.path))
  }
  return rejected
}

/** Writes that end here leave no trace: neither an intent nor a claimed key. */
async function forget(
  tx: EntityManager,
  tenantId: string,
  writes: readonly PlannedWrite[],
): Promise<void> {
  if (writes.length === 0) return
  const mine = [tenantId, `{${writes.map(({ intentId }) => intentId).join(',')}}`]
  await tx.execute(
    `delete from content_write_intents where tenant_id = ? and id = any(?::uuid[])`,
    mine,
  )
  await tx.execute(
    `delete from idempotency_keys where tenant_id = ? and intent_id = any(?::uuid[])`,
    mine,
  )
}
