import { bodyTable, historyTable } from '../../../src/features/content/documents.ts'
import type { Invariant, RepairKind } from '../../../src/features/recovery/finding.ts'
import { sha256 } from '../../../src/lib/bytes.ts'
import { newId } from '../../../src/lib/id.ts'
import type { RowData, ZeroDb } from '../../../src/platform/zerodb.ts'

interface Version {
  id: string
  contentId: string
  documentId: string
}

/** A tenant that has been worked with, and what it takes to do it harm. */
export interface Scene {
  tenantId: string
  zerodb: ZeroDb
  /** The three versions of one content: the last has a body of its own, of three bytes. */
  versions: [Version, Version, Version]
  /** As superuser; `$1` is the tenant. */
  sql(text: string, ...values: unknown[]): Promise<unknown>
}

export interface Plant {
  fault: string
  breaks: Invariant
  /** What puts it right; absent where nothing can. */
  repair?: RepairKind
  plant: (scene: Scene) => Promise<unknown>
}

const setBody =
  (fields: RowData) =>
  ({ zerodb, tenantId, versions }: Scene) =>
    zerodb.setRows(tenantId, bodyTable, [versions[2].documentId], fields)

const setHistory =
  (fields: RowData) =>
  ({ zerodb, tenantId, versions }: Scene) =>
    zerodb.setRows(tenantId, historyTable, [versions[1].id], fields)

const sql =
  (text: string, ...values: unknown[]) =>
  (scene: Scene) =>
    scene.sql(text, ...values)

/** The same about the content with three versions, which is `$2`. */
const sqlOfContent = (text: string) => (scene: Scene) =>
  scene.sql(text, scene.versions[0].contentId)

const insertEvent = (version: number, operation: string, contentId?: string) => (scene: Scene) =>
  scene.sql(
    `insert into backup_outbox (tenant_id, id, content_id, version_number, operation)
     values ($1, $2, $3, $4, $5)`,
    newId(),
    contentId ?? scene.versions[0].contentId,
    version,
    operation,
  )

const insertIntent = (state: string) =>
  sql(
    `insert into content_write_intents (tenant_id, id, content_id, version_number, document_id,
       history_id, reserved_bytes, state, lease_expires_at)
     values ($1, $2, $2, 1, $2, $2, 0, $3, now() - interval '10 minutes')`,
    newId(),
    state,
  )

/** A document is moved from ZeroDB into the queue, with some of its fields changed. */
const queue =
  (
    table: string,
    idOf: (versions: Scene['versions']) => string,
    changes: RowData = {},
    hours = 0,
  ) =>
  async (scene: Scene) => {
    const { zerodb, tenantId, versions } = scene
    const id = idOf(versions)
    const stored = await zerodb.getRowsByKey(tenantId, table, [id])
    await zerodb.deleteRowsByKey(tenantId, table, [id])
    await insertQueued(scene, { table, id, document: { ...stored.get(id), ...changes }, hours })
  }

function insertQueued(
  scene: Scene,
  queued: { table: string; id: string; document: RowData; hours: number; contentId?: string },
) {
  const { table, id, document, hours, contentId = scene.versions[0].contentId } = queued
  return scene.sql(
    `insert into queued_documents (tenant_id, id, table_name, content_id, write_id, document,
       created_at)
     values ($1, $2, $3, $4, $5, $6, now() - make_interval(hours => $7))`,
    id,
    table,
    contentId,
    newId(),
    JSON.stringify(document),
    hours,
  )
}

/** What a purge leaves in PostgreSQL, of a content that has nothing else there. */
async function insertTombstone(
  scene: Scene,
  purged: {
    contentId?: string
    documentIds?: string[]
    hours?: number
    done?: true
    events?: number
  },
): Promise<string> {
  const { contentId = newId(), documentIds = [], hours = 0, done = false, events = 1 } = purged
  await scene.sql(
    `insert into content_tombstones (tenant_id, content_id, last_version, reason, document_ids,
       history_ids, created_at, documents_removed_at, sequence)
     values ($1, $2, 3, 'Asked for', $3, array[$2::uuid], now() - make_interval(hours => $4),
       case when $5 then now() - interval '3 days' end,
       (select 1000 + count(*) from content_tombstones where tenant_id = $1))`,
    contentId,
    documentIds,
    hours,
    done,
  )
  for (let n = 0; n < events; n++) await insertEvent(3 + n, 'purge', contentId)(scene)
  return contentId
}

/** A job of two items of which one was skipped; it was asked for a day ago. */
const insertJob =
  (job: { state: string; progress?: number; failed?: number; costUsd?: number; over?: true }) =>
  async (scene: Scene) => {
    const { state, progress = 0, failed = 0, costUsd = 0, over = state !== 'pending' } = job
    const id = newId()
    await scene.sql(
      `insert into content_generation_jobs (tenant_id, id, job_type, content_type, target_count,
         provider, model, own_key, generation_params, estimated_item_bytes,
         estimated_item_cost_usd, estimated_item_ms, status, progress, failed_count, skipped_count,
         sequence, created_at, completed_at, total_cost_usd)
       values ($1, $2, 'posts', 'post', 2, 'compatible', 'local', false, '{}', 0, 0, 0,
         case when $5 then 'failed' else 'running' end, $3, $4, 1, 0, now() - interval '1 day',
         case when $5 then now() end, $6)`,
      id,
      progress,
      failed,
      over,
      costUsd,
    )
    await scene.sql(
      `insert into generation_items (tenant_id, job_id, seq, state, topic, content_id)
       values ($1, $2, 0, $3, 'Tea', $4), ($1, $2, 1, 'skipped', 'Tea', $5)`,
      id,
      state,
      newId(),
      newId(),
    )
  }

const purge = (purged: Parameters<typeof insertTombstone>[1]) => (scene: Scene) =>
  insertTombstone(scene, purged)

/** Into the trash, with its bytes and without the version that says so. */
async function deleteQuietly(scene: Scene): Promise<void> {
  const statements = [
    `update content_items set deleted_at = now() where tenant_id = $1 and id = $2`,
    `update content_storage_usage set total_content_items = total_content_items - 1,
       total_storage_bytes = total_storage_bytes - 3 where tenant_id = $1 and $2::uuid is not null`,
    `insert into usage_ledger (tenant_id, operation_id, content_id, bytes, items)
     values ($1, $2, $2, -3, -1)`,
  ]
  for (const statement of statements) await sqlOfContent(statement)(scene)
}

/** The first two versions are over, their history entries removed, and their body is forgotten. */
async function forgetBody(scene: Scene): Promise<void> {
  const { zerodb, tenantId, versions } = scene
  await sqlOfContent(`update content_versions set expired_at = now(), documents_removed_at = now()
    where tenant_id = $1 and content_id = $2 and version_number < 3`)(scene)
  await scene.sql(`update content_storage_usage set stored_body_bytes = stored_body_bytes - 3
    where tenant_id = $1`)
  const historyIds = [versions[0].id, versions[1].id]
  await zerodb.deleteRowsByKey(tenantId, historyTable, historyIds)
}

/** Version 3 is called 4, everywhere: nothing is wrong but the gap. */
async function makeGap(scene: Scene): Promise<void> {
  const { zerodb, tenantId, versions } = scene
  for (const table of ['content_versions', 'backup_outbox']) {
    await sqlOfContent(`update ${table} set version_number = 4
      where tenant_id = $1 and content_id = $2 and version_number = 3`)(scene)
  }
  await sqlOfContent(`update content_items set version = 4 where tenant_id = $1 and id = $2`)(scene)
  await zerodb.setRows(tenantId, historyTable, [versions[2].id], { version_number: 4 })
}

/** Every way we know to break an invariant, each without breaking another. */
export const plants: Plant[] = [
  {
    fault: 'a body is gone',
    breaks: 'I1',
    plant: ({ zerodb, tenantId, versions }) =>
      zerodb.deleteRowsByKey(tenantId, bodyTable, [versions[2].documentId]),
  },
  {
    fault: 'a body is another text of the same length',
    breaks: 'I1',
    plant: setBody({ content_body: 'Ten' }),
  },
  {
    fault: 'a body cannot be unpacked',
    breaks: 'I1',
    plant: setBody({ storage_metadata: { size_bytes: 3, encoding: 'zstd+base64' } }),
  },
  {
    fault: 'a body belongs to another tenant',
    breaks: 'I1',
    plant: setBody({ tenant_id: newId() }),
  },
  {
    fault: 'a history entry is gone',
    breaks: 'I1',
    plant: ({ zerodb, tenantId, versions }) =>
      zerodb.deleteRowsByKey(tenantId, historyTable, [versions[1].id]),
  },
  {
    fault: 'a history entry is of another content',
    breaks: 'I1',
    plant: setHistory({ content_id: newId() }),
  },
  {
    fault: 'a history entry is of another version',
    breaks: 'I1',
    plant: setHistory({ version_number: 7 }),
  },
  {
    fault: 'a history entry has no snapshot',
    breaks: 'I1',
    plant: setHistory({ content_snapshot: null }),
  },
  { fault: 'the numbers of versions have a gap', breaks: 'I1', plant: makeGap },
  {
    fault: 'a content stands at a version of the past',
    breaks: 'I1',
    plant: sqlOfContent(`
      update content_items c set version = 1, zerodb_id = v.document_id, sha256 = v.sha256
      from content_versions v where c.tenant_id = $1 and c.id = $2 and v.tenant_id = $1
        and v.content_id = c.id and v.version_number = 1`),
  },
  {
    fault: 'a content has another checksum than its version',
    breaks: 'I1',
    plant: sqlOfContent(
      `update content_items set sha256 = '${sha256('?')}' where tenant_id = $1 and id = $2`,
    ),
  },
  { fault: 'a content is deleted and no version says so', breaks: 'I1', plant: deleteQuietly },
  {
    fault: 'a content lives though its last version deleted it',
    breaks: 'I1',
    async plant(scene) {
      await sqlOfContent(`update content_versions set change_type = 'delete'
        where tenant_id = $1 and content_id = $2 and version_number = 3`)(scene)
      await sqlOfContent(`update backup_outbox set operation = 'delete'
        where tenant_id = $1 and content_id = $2 and version_number = 3`)(scene)
    },
  },
  {
    fault: 'a queued body is another text of the same length',
    breaks: 'I1',
    plant: queue(bodyTable, (versions) => versions[2].documentId, { content_body: 'Ten' }),
  },
  {
    fault: 'a queued history entry is of another version',
    breaks: 'I1',
    plant: queue(historyTable, (versions) => versions[1].id, { version_number: 7 }),
  },
  {
    fault: 'the used bytes were changed by hand',
    breaks: 'I2',
    repair: 'usage',
    plant: sql(`update content_storage_usage set total_storage_bytes = total_storage_bytes + 7
      where tenant_id = $1`),
  },
  {
    fault: 'the number of contents was changed by hand',
    breaks: 'I2',
    repair: 'usage',
    plant: sql(`update content_storage_usage set total_content_items = total_content_items - 1
      where tenant_id = $1`),
  },
  {
    fault: 'a reservation leaked',
    breaks: 'I2',
    repair: 'usage',
    plant: sql(`update content_storage_usage set reserved_bytes = reserved_bytes + 1000
      where tenant_id = $1`),
  },
  {
    fault: 'the bytes of stored bodies were changed by hand',
    breaks: 'I2',
    repair: 'usage',
    plant: sql(`update content_storage_usage set stored_body_bytes = stored_body_bytes + 5
      where tenant_id = $1`),
  },
  {
    fault: 'bytes are missing in the ledger',
    breaks: 'I2',
    repair: 'usage',
    plant: sql(`update usage_ledger set bytes = 0 where tenant_id = $1 and bytes = 200000`),
  },
  {
    fault: 'the account is gone',
    breaks: 'I2',
    repair: 'usage',
    plant: sql(`delete from content_storage_usage where tenant_id = $1`),
  },
  {
    fault: 'a key answers with a content that does not exist',
    breaks: 'I3',
    plant: sql(`update idempotency_keys set content_id = $2 where tenant_id = $1`, newId()),
  },
  {
    fault: 'a completed key has no write',
    breaks: 'I3',
    plant: sql(`update idempotency_keys set intent_id = $2 where tenant_id = $1`, newId()),
  },
  {
    fault: 'a key does not know that its write was committed',
    breaks: 'I3',
    plant: sql(`update idempotency_keys set completed_at = null where tenant_id = $1`),
  },
  {
    fault: 'two live contents share an external reference',
    breaks: 'I3',
    async plant(scene) {
      await scene.sql(`drop index uq_content_items_external_ref`)
      await scene.sql(`update content_items set external_id = '1'
        where tenant_id = $1 and external_id = '2'`)
    },
  },
  {
    fault: 'an outbox event is missing',
    breaks: 'I4',
    repair: 'outbox',
    plant: sqlOfContent(`delete from backup_outbox
      where tenant_id = $1 and content_id = $2 and version_number = 2`),
  },
  {
    fault: 'a version has two outbox events',
    breaks: 'I4',
    plant: insertEvent(2, 'delete'),
  },
  {
    fault: 'an outbox event has no version',
    breaks: 'I4',
    plant: insertEvent(9, 'upsert'),
  },
  {
    fault: 'the outbox event of a version tells of a deletion',
    breaks: 'I4',
    plant: sqlOfContent(`update backup_outbox set operation = 'delete'
      where tenant_id = $1 and content_id = $2 and version_number = 2`),
  },
  {
    fault: 'an outbox event tells of a purge that never was',
    breaks: 'I4',
    plant: insertEvent(3, 'purge'),
  },
  {
    fault: 'a purge has no outbox event',
    breaks: 'I4',
    repair: 'outbox',
    plant: purge({ events: 0 }),
  },
  { fault: 'a purge has two outbox events', breaks: 'I4', plant: purge({ events: 2 }) },
  {
    fault: 'a purged content has an outbox event of a version',
    breaks: 'I4',
    async plant(scene) {
      const contentId = await insertTombstone(scene, {})
      await insertEvent(3, 'upsert', contentId)(scene)
    },
  },
  {
    fault: 'a body is nobody’s',
    breaks: 'I5',
    repair: 'orphan',
    plant: ({ zerodb, tenantId }) =>
      zerodb.insertRow(tenantId, bodyTable, { id: newId(), content_body: 'Lost' }),
  },
  {
    fault: 'a history entry is nobody’s',
    breaks: 'I5',
    repair: 'orphan',
    plant: ({ zerodb, tenantId }) => zerodb.insertRow(tenantId, historyTable, { id: newId() }),
  },
  {
    fault: 'a row has a key that is not one of ours',
    breaks: 'I5',
    plant: ({ zerodb, tenantId }) => zerodb.insertRow(tenantId, bodyTable, { id: 'not-a-uuid' }),
  },
  {
    fault: 'a pending write is dead and was not swept',
    breaks: 'I5',
    repair: 'sweep',
    plant: insertIntent('pending'),
  },
  {
    fault: 'an aborted write was not swept',
    breaks: 'I5',
    repair: 'sweep',
    plant: insertIntent('aborted'),
  },
  {
    fault: 'a purge is not done with an hour later',
    breaks: 'I5',
    repair: 'purge',
    async plant(scene) {
      const { zerodb, tenantId } = scene
      const id = newId()
      await zerodb.insertRow(tenantId, bodyTable, { id, content_body: 'Purged' })
      await insertTombstone(scene, { documentIds: [id], hours: 2 })
    },
  },
  {
    fault: 'a purge that is done with has left a body',
    breaks: 'I5',
    repair: 'orphan',
    async plant(scene) {
      const { zerodb, tenantId } = scene
      const id = newId()
      await zerodb.insertRow(tenantId, bodyTable, { id, content_body: 'Purged' })
      await insertTombstone(scene, { documentIds: [id], done: true })
    },
  },
  {
    fault: 'versions whose documents are removed have left a body',
    breaks: 'I5',
    repair: 'orphan',
    plant: forgetBody,
  },
  {
    fault: 'a queued document is nobody’s',
    breaks: 'I5',
    plant: (scene) =>
      insertQueued(scene, { table: bodyTable, id: newId(), document: {}, hours: 0 }),
  },
  {
    fault: 'a document has been in the queue for more than a day',
    breaks: 'I6',
    plant: queue(historyTable, (versions) => versions[2].id, {}, 25),
  },
  {
    fault: 'a write was committed without its version',
    breaks: 'I6',
    plant: insertIntent('committed'),
  },
  {
    fault: 'a key answers with a version that is not there',
    breaks: 'I6',
    plant: sql(`update idempotency_keys set version_number = 9 where tenant_id = $1`),
  },
  {
    fault: 'a write that failed has a version',
    breaks: 'I7',
    plant: (scene) =>
      scene.sql(
        `update content_write_intents set state = 'collected'
         where tenant_id = $1 and history_id = $2`,
        scene.versions[1].id,
      ),
  },
  {
    fault: 'a purged content is still there',
    breaks: 'I7',
    plant: (scene) =>
      insertTombstone(scene, { contentId: scene.versions[0].contentId, done: true }),
  },
  {
    fault: 'a job has cost more than its items',
    breaks: 'I8',
    plant: insertJob({ state: 'failed', failed: 1, costUsd: 1 }),
  },
  {
    fault: 'an item says that it is stored, and its content was never written',
    breaks: 'I8',
    plant: insertJob({ progress: 1, state: 'stored' }),
  },
  {
    fault: 'a job that is over has an open item',
    breaks: 'I8',
    plant: insertJob({ state: 'pending', over: true }),
  },
  {
    fault: 'nobody takes a job up',
    breaks: 'I8',
    plant: insertJob({ state: 'pending' }),
  },
  {
    fault: 'a purged content is still in the queue',
    breaks: 'I7',
    async plant(scene) {
      const contentId = await insertTombstone(scene, { done: true })
      const queued = { table: historyTable, id: newId(), document: {}, hours: 0, contentId }
      await insertQueued(scene, queued)
    },
  },
]
