import { step } from '../../lib/failpoints.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import type { SweepDeps } from '../writing/sweep-writes.ts'

/** Per tenant and pass; what is left over is found by the next pass. */
const batchSize = 100

/** An insert that was on its way at the purge has arrived by now: another removal is the last. */
const settledSql = `documents_removed_at < now() - interval '24 hours'`

/** Never removed, or a day ago; tombstones older than a week have had their second time. */
const dueSql = `(documents_removed_at is null
  or ${settledSql} and documents_removed_at > now() - interval '7 days')`

/**
 * Deletes the documents of purged contents that ZeroDB could not delete when they were purged, and a
 * day later once more: an insert may have been on its way.
 */
export async function collectPurged({ database, zerodb, signal }: SweepDeps): Promise<void> {
  const tenants = await database.reads.asSystem().rows<{ tenantId: string }>(
    `select distinct tenant_id as "tenantId" from content_tombstones
       where ${dueSql}`,
    [],
  )
  for (const { tenantId } of tenants) {
    signal.throwIfAborted()
    await collectPurgedOf({ database, zerodb, signal }, tenantId)
  }
}

/** The same for one tenant. */
export async function collectPurgedOf(deps: SweepDeps, tenantId: string): Promise<void> {
  const due = await deps.database.reads.forTenant(tenantId).rows<{ id: string }>(
    `select content_id as id from content_tombstones
     where tenant_id = $1 and history_ids <> '{}' and ${dueSql}
     order by content_id limit $2`,
    [tenantId, batchSize],
  )
  const ids = due.map(({ id }) => id)
  await removePurged({ ...deps, tenantId }, ids)
}

/** Deletes what tombstones list, which is safe to repeat; after the second time they list nothing. */
export async function removePurged(
  deps: { database: Database; zerodb: ZeroDb; signal: AbortSignal; tenantId: string },
  contentIds: readonly string[],
): Promise<void> {
  if (contentIds.length === 0) return
  const { database, zerodb, signal, tenantId } = deps
  const listed = await database.reads
    .forTenant(tenantId)
    .rows<{ documentIds: string[]; historyIds: string[] }>(
      `select document_ids as "documentIds", history_ids as "historyIds" from content_tombstones
       where tenant_id = $1 and content_id = any($2::uuid[])`,
      [tenantId, contentIds],
    )
  const documentIds = listed.flatMap((tombstone) => tombstone.documentIds)
  const historyIds = listed.flatMap((tombstone) => tombstone.historyIds)
  await step('removePurgedBodies', deps, () =>
    zerodb.deleteRowsByKey(tenantId, bodyTable, documentIds, { signal }),
  )
  await step('removePurgedHistory', deps, () =>
    zerodb.deleteRowsByKey(tenantId, historyTable, historyIds, { signal }),
  )
  await step('settlePurged', deps, () =>
    database.transaction(tenantId, (tx) =>
      tx.execute(
        `update content_tombstones set documents_removed_at = coalesce(documents_removed_at, now()),
           document_ids = case when ${settledSql} then '{}' else document_ids end,
           history_ids = case when ${settledSql} then '{}' else history_ids end
         where tenant_id = ? and content_id = any(?::uuid[])`,
        [tenantId, `{${contentIds.join(',')}}`],
      ),
    ),
  )
}
