import type { EntityManager } from '@mikro-orm/postgresql'
import {
  NotFoundError,
  StorageUnavailableError,
  UpstreamError,
  ValidationError,
} from '../../lib/errors.ts'
import { step } from '../../lib/failpoints.ts'
import { newId } from '../../lib/id.ts'
import type { Origin } from '../../lib/viewer.ts'
import { announce, topics } from '../../platform/events.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'
import { settleStorage } from '../quota/storage-usage.ts'
import { advanceFeed } from '../tenancy/advance-feed.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import { removePurged } from './collect-purged.ts'
import type { WriteDeps } from '../writing/write.ts'

/** Who purges, and where. */
export interface PurgeDeps {
  tenantId: string
  viewer: { userId: string | null; brandIds: readonly string[] | null }
  origin: Origin
  database: Database
  zerodb: ZeroDb
  signal: AbortSignal
}

const maxReasonLength = 500

/**
 * Removes a content for ever: rows, history and documents. Afterwards there is a tombstone, an audit
 * event and an order to the recovery copy. A repeat finds the tombstone and is done. Documents that
 * ZeroDB cannot delete now are deleted by the collector.
 */
export async function purgeContent(deps: WriteDeps, id: string, reason: string): Promise<void> {
  const given = reason.trim()
  if (given.length === 0 || given.length > maxReasonLength) {
    const message = `must have 1 to ${maxReasonLength} characters: it is all that will be known of the content`
    throw new ValidationError([{ path: ['reason'], code: 'LENGTH', message }])
  }
  try {
    await purge(deps, id, given)
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    throw new StorageUnavailableError(error, error.mayHaveApplied ? 'unknown' : 'unchanged')
  }
}

/** The same for the gateway's own work. Throws NotFoundError and UpstreamError of PostgreSQL. */
export async function purge(deps: PurgeDeps, id: string, reason: string): Promise<void> {
  const { database, tenantId } = deps
  const work = (tx: EntityManager) => purgeIn(tx, deps, id, reason)
  await step('purge', deps, () => database.transaction(tenantId, work))
  await removePurged(deps, [id]).catch((error: unknown) => {
    if (!(error instanceof UpstreamError) && !deps.signal.aborted) throw error
  })
}

interface Doomed {
  version: number
  title: string
  liveBytes: number
  liveItems: number
}

async function purgeIn(
  tx: EntityManager,
  { tenantId, viewer: { userId, brandIds }, origin }: PurgeDeps,
  id: string,
  reason: string,
): Promise<void> {
  const [content] = await tx.execute<Doomed[]>(
    `select version, title,
       case when deleted_at is null then storage_size_bytes else 0 end::float8 as "liveBytes",
       case when deleted_at is null then 1 else 0 end as "liveItems"
     from content_items where tenant_id = ? and id = ?
       and (?::uuid[] is null or brand_id is null or brand_id = any(?::uuid[])) for update`,
    [tenantId, id, listOf(brandIds), listOf(brandIds)],
  )
  if (!content) {
    if (await isPurged(tx, tenantId, id)) return
    throw new NotFoundError('Content', { path: ['id'] })
  }
  const { version, title, liveBytes, liveItems } = content
  const stored = await bury(tx, tenantId, { id, version, userId, reason })
  await recordAudit(tx, { tenantId, userId, origin }, [
    {
      action: 'purgeContent',
      subject: { type: 'Content', id },
      before: { version, title },
      after: { reason },
    },
  ])
  if (liveItems > 0) {
    await tx.execute(
      `insert into usage_ledger (tenant_id, operation_id, content_id, bytes, items)
       values (?, ?, ?, ?, ?)`,
      [tenantId, newId(), id, -liveBytes, -liveItems],
    )
  }
  await settleStorage(tx, tenantId, {
    reserved: 0,
    growth: -liveBytes,
    items: -liveItems,
    stored: -stored,
  })
  await announce(tx, topics.contents(tenantId))
}

function listOf(ids: readonly string[] | null): string | null {
  return ids && `{${ids.join(',')}}`
}

async function isPurged(tx: EntityManager, tenantId: string, id: string): Promise<boolean> {
  const found = await tx.execute<unknown[]>(
    `select from content_tombstones where tenant_id = ? and content_id = ?`,
    [tenantId, id],
  )
  return found.length > 0
}

/**
 * Puts a tombstone in the place of everything; answers the bytes of the documents that were still
 * kept. The recovery copy is told once, instead of all that waits to be copied.
 */
async function bury(
  tx: EntityManager,
  tenantId: string,
  grave: { id: string; version: number; userId: string | null; reason: string },
): Promise<number> {
  const { id, version, userId, reason } = grave
  const own = [tenantId, id]
  // Before they are summed up: a retention run that settles some of them now has committed by then.
  await tx.execute(
    `select from content_versions where tenant_id = ? and content_id = ?
     order by version_number for update`,
    own,
  )
  const sequence = await advanceFeed(tx, tenantId)
  const [buried] = await tx.execute<{ stored: number }[]>(
    `with kept as (
       select document_id, id, size_bytes, documents_removed_at from content_versions
       where tenant_id = ? and content_id = ?
     ), tombstone as (
       insert into content_tombstones (tenant_id, content_id, last_version, reason,
         purged_by_user_id, sequence, document_ids, history_ids)
       values (?, ?, ?, ?, ?, ?, array(select distinct document_id from kept),
         array(select id from kept))
     )
     select coalesce(sum(size_bytes), 0)::float8 as stored from (
       select distinct on (document_id) size_bytes from kept where documents_removed_at is null
     ) documents`,
    [...own, ...own, version, reason, userId, sequence],
  )
  await tx.execute(`delete from content_versions where tenant_id = ? and content_id = ?`, own)
  await tx.execute(`delete from content_items where tenant_id = ? and id = ?`, own)
  await tx.execute(`delete from queued_documents where tenant_id = ? and content_id = ?`, own)
  await tx.execute(`delete from backup_outbox where tenant_id = ? and content_id = ?`, own)
  await tx.execute(
    `insert into backup_outbox (tenant_id, id, content_id, version_number, operation)
     values (?, ?, ?, ?, 'purge')`,
    [tenantId, newId(), id, version],
  )
  return buried?.stored ?? 0
}
