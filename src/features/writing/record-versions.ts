import type { EntityManager } from '@mikro-orm/postgresql'
import { utf8Size } from '../../lib/bytes.ts'
import { newId } from '../../lib/id.ts'
import { announceSql, announceValues, topics } from '../../platform/events.ts'
import {
  changesUsage,
  type SettledUsage,
  settleSql,
  settleStorage,
  settleValues,
  type UsageChange,
  watchSettled,
} from '../quota/storage-usage.ts'
import { advanceFeedSql } from '../tenancy/advance-feed.ts'
import type { PlannedWrite } from './plan-write.ts'

const recordSql = `
  with written as (
    select * from jsonb_to_recordset(?::jsonb) as w (tenant_id uuid, id uuid, content_id uuid,
      version_number integer, change_type text, changed_by_user_id uuid, document_id uuid,
      size_bytes bigint, sha256 text, restored_from integer, outbox_id uuid, outbox_operation text,
      outbox_bytes bigint,
      intent_id uuid, bytes bigint, items integer, index integer)
  ), feed as (${advanceFeedSql}
  ), versions as (
    insert into content_versions (tenant_id, id, content_id, version_number, change_type,
      changed_by_user_id, document_id, size_bytes, sha256, restored_from, sequence)
    select tenant_id, id, content_id, version_number, change_type, changed_by_user_id,
      document_id, size_bytes, sha256, restored_from, feed.first + index from written, feed
  ), outbox as (
    insert into backup_outbox (tenant_id, id, content_id, version_number, operation, size_bytes)
    select tenant_id, outbox_id, content_id, version_number, outbox_operation, outbox_bytes
    from written
  ), keys as (
    update idempotency_keys k set completed_at = now(), version_number = w.version_number
    from written w where k.tenant_id = w.tenant_id and k.intent_id = w.intent_id
  ), ledger as (
    insert into usage_ledger (tenant_id, operation_id, content_id, bytes, items)
    select tenant_id, intent_id, content_id, bytes, items from written
  ), settled as (${settleSql('feed')}
  ), announced as (${announceSql}
  )
  select s."planTier", s.bytes from (select count(*) from announced) a left join settled s on true`

/**
 * Version rows, numbered for the feed; outbox events, ledger entries, the results of their keys, and what
 * it does to the quota. One statement, the last before the commit: from the feed's number on every writer
 * of the tenant waits for this transaction.
 */
export async function recordVersions(
  tx: EntityManager,
  tenantId: string,
  writes: readonly PlannedWrite[],
  usage: UsageChange,
): Promise<void> {
  if (writes.length === 0) return settleStorage(tx, tenantId, usage)
  const rows = writes.map((write, index) => ({ ...rowOf(write), index }))
  const changed = changesUsage(usage) ? [topics.quota(tenantId)] : []
  const [settled] = await tx.execute<(SettledUsage | Nothing)[]>(recordSql, [
    JSON.stringify(rows),
    tenantId,
    writes.length,
    writes.length,
    ...settleValues(tenantId, usage),
    ...announceValues([topics.contents(tenantId), ...changed]),
  ])
  if (settled && settled.planTier !== null) await watchSettled(tx, tenantId, usage, settled)
}

interface Nothing {
  planTier: null
}

function rowOf({ next, history, historyId, change, intentId, growth, items }: PlannedWrite) {
  return {
    tenant_id: next.tenantId,
    id: historyId,
    content_id: next.id,
    version_number: next.version,
    change_type: change.type,
    changed_by_user_id: history['changed_by_user_id'],
    document_id: next.zerodbId,
    size_bytes: next.storageSizeBytes,
    sha256: next.sha256,
    restored_from: change.restoredFrom ?? null,
    outbox_id: newId(),
    // The copy's row has the metadata twice, by itself and within the history entry.
    outbox_bytes: next.storageSizeBytes + 2 * utf8Size(JSON.stringify(history)),
    outbox_operation: change.type === 'delete' ? 'delete' : 'upsert',
    intent_id: intentId,
    bytes: growth,
    items,
  }
}
