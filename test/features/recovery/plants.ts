import { bodyTable, historyTable } from '../../../src/features/content/documents.ts'
import type { Invariant } from '../../../src/features/recovery/finding.ts'
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

interface Plant {
  fault: string
  breaks: Invariant
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

const insertEvent = (version: number, operation: string) => (scene: Scene) =>
  scene.sql(
    `insert into backup_outbox (tenant_id, id, content_id, version_number, operation)
     values ($1, $2, $3, $4, $5)`,
    newId(),
    scene.versions[0].contentId,
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
  {
    fault: 'the used bytes were changed by hand',
    breaks: 'I2',
    plant: sql(`update content_storage_usage set total_storage_bytes = total_storage_bytes + 7
      where tenant_id = $1`),
  },
  {
    fault: 'the number of contents was changed by hand',
    breaks: 'I2',
    plant: sql(`update content_storage_usage set total_content_items = total_content_items - 1
      where tenant_id = $1`),
  },
  {
    fault: 'a reservation leaked',
    breaks: 'I2',
    plant: sql(`update content_storage_usage set reserved_bytes = reserved_bytes + 1000
      where tenant_id = $1`),
  },
  {
    fault: 'bytes are missing in the ledger',
    breaks: 'I2',
    plant: sql(`update usage_ledger set bytes = 0 where tenant_id = $1 and bytes = 200000`),
  },
  {
    fault: 'the account is gone',
    breaks: 'I2',
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
    fault: 'a body is nobody’s',
    breaks: 'I5',
    plant: ({ zerodb, tenantId }) =>
      zerodb.insertRow(tenantId, bodyTable, { id: newId(), content_body: 'Lost' }),
  },
  {
    fault: 'a history entry is nobody’s',
    breaks: 'I5',
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
    plant: insertIntent('pending'),
  },
  { fault: 'an aborted write was not swept', breaks: 'I5', plant: insertIntent('aborted') },
]
