import { expect, test } from 'vitest'
import { bodyTable, historyTable } from '../../../src/features/content/documents.ts'
import { decodeGlobalId } from '../../../src/graphql/global-id.ts'
import type { SnapshotRow } from '../../../src/platform/recovery-copy/snapshot-tables.ts'
import { decodeBody } from '../../../src/platform/document-store.ts'
import type { RowData } from '../../../src/platform/zerodb.ts'
import { brandOf, createTestContents } from '../../support/contents.ts'
import {
  type CopiedGateway,
  startGateway,
  type TestGateway,
  type TestTenant,
} from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import {
  countPending,
  passRelayTime,
  readCopy,
  relay,
  relayUntilQuiet,
} from '../../support/relay.ts'
import {
  createOne,
  deleteOne,
  draft,
  newContent,
  publishOne,
  purgeOne,
  restoreOne,
  succeeded,
  undeleteOne,
  updateOne,
} from '../../support/writes.ts'

const text = (raw: string) => ({ format: 'TEXT' as const, raw })

const statusDocument = graphql(`
  query BackupStatusForTest {
    backupStatus {
      enabled
      unsyncedCount
      refusedCount
      oldestUnsyncedAt
      lagSeconds
      percentSynced
      lastRunAt
      lastSuccessAt
      failingSince
      lastError
      intervalMinutes
      batchSize
      rpoSeconds
      rtoSeconds
      rpoMet
    }
  }
`)

async function statusOf(gateway: TestGateway, tenant: TestTenant) {
  const { data, errors } = await gateway.query(tenant, statusDocument)
  if (!data) throw new Error(JSON.stringify(errors))
  return data.backupStatus
}

const storageDocument = graphql(`
  query BackupOfContentForTest($id: ID!) {
    content(ref: { id: $id }) {
      storage {
        bigqueryBackedUp
        bigqueryLastSyncAt
      }
    }
  }
`)

async function storageOf(gateway: TestGateway, tenant: TestTenant, id: string) {
  const { data } = await gateway.query(tenant, storageDocument, { id })
  return data?.content?.storage
}

const syncDocument = graphql(`
  mutation RunBackupSyncForTest {
    runBackupSync {
      __typename
      ... on OpsSuccess {
        message
        backup {
          unsyncedCount
          refusedCount
        }
      }
    }
  }
`)

/** The rows that the copy must have of a tenant's versions, by what PostgreSQL and ZeroDB say. */
async function expectedRows({ database, services: { zerodb } }: TestGateway, tenant: TestTenant) {
  const { rows } = await database.admin.query<{
    version: SnapshotRow
    documentId: string
    versionId: string
  }>(
    `select v.document_id as "documentId", v.id as "versionId", jsonb_build_object(
       'content_id', v.content_id, 'snapshot_id', v.id, 'tenant_id', v.tenant_id,
       'user_id', c.user_id, 'version', v.version_number, 'version_of', c.version_of,
       'snapshot_timestamp', v.created_at, 'content_updated_at', v.created_at,
       'content_created_at', c.created_at, 'source_system', 'zerodb', 'document_id', v.document_id,
       'operation', case v.change_type when 'delete' then 'delete' else 'upsert' end,
       'sha256', v.sha256, 'batch_id', o.batch_id) as version
     from content_versions v
       join content_items c on c.tenant_id = v.tenant_id and c.id = v.content_id
       join backup_outbox o on o.tenant_id = v.tenant_id and o.content_id = v.content_id
         and o.version_number = v.version_number
     where v.tenant_id = $1 and o.backed_up_at is not null
     order by v.content_id, v.version_number`,
    [tenant.id],
  )
  const bodies = await zerodb.getRowsByKey(
    tenant.id,
    bodyTable,
    rows.map(({ documentId }) => documentId),
  )
  const entries = await zerodb.getRowsByKey(
    tenant.id,
    historyTable,
    rows.map(({ versionId }) => versionId),
  )
  return rows.map(({ version, documentId, versionId }) => {
    const body = bodies.get(documentId) ?? {}
    const history = entries.get(versionId) ?? {}
    const snapshot = history['content_snapshot'] as RowData
    const metadata = snapshot['metadata'] as RowData
    return {
      ...version,
      snapshot_timestamp: new Date(version.snapshot_timestamp).toISOString(),
      content_created_at: new Date(version.content_created_at ?? '').toISOString(),
      content_updated_at: new Date(version.content_updated_at ?? '').toISOString(),
      title: snapshot['title'],
      status: snapshot['status'],
      metadata,
      brand_id: metadata['brand_id'],
      campaign_space_id: metadata['campaign_space_id'],
      content_type: metadata['content_type'],
      content_body: body['content_body'],
      storage_metadata: body['storage_metadata'],
      ai_generation_metadata: body['ai_generation_metadata'] ?? null,
      history,
      ingested_at: expect.any(String) as string,
    }
  })
}

async function expectExactCopy(gateway: TestGateway, tenant: TestTenant): Promise<SnapshotRow[]> {
  const copied = await readCopy(gateway, tenant.id)
  const versions = copied.filter(({ operation }) => operation !== 'purge')
  expect(versions).toEqual(await expectedRows(gateway, tenant))
  for (const row of versions) {
    const { content_body, storage_metadata } = row
    const body = await decodeBody(row.snapshot_id, { content_body, storage_metadata })
    expect(body.sha256).toBe(row.sha256)
  }
  return copied
}

/** One content through everything that makes a version; ends in seven of them. */
async function live(gateway: TestGateway, tenant: TestTenant): Promise<string> {
  const id = await newContent(gateway, tenant, { ...brandOf(tenant), body: text('First') })
  succeeded(await updateOne(gateway, tenant, id, { body: text('Second. '.repeat(4_000)) }))
  succeeded(await updateOne(gateway, tenant, id, { title: 'Ünïcode "☕️"\n\u2028\\', tags: ['a'] }))
  succeeded(await publishOne(gateway, tenant, id))
  succeeded(await deleteOne(gateway, tenant, { id }))
  succeeded(await undeleteOne(gateway, tenant, id))
  const { id: databaseId } = decodeGlobalId(id)
  succeeded(await restoreOne(gateway, tenant, id, 1))
  return databaseId
}

test('each version is one row of the copy, complete in itself', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const id = await live(gateway, tenant)
  await newContent(gateway, tenant, { title: 'Another', metadata: { deep: { list: [1, null] } } })

  await relay(gateway)

  const rows = await expectExactCopy(gateway, tenant)
  expect(rows).toHaveLength(8)
  const own = rows.filter(({ content_id }) => content_id === id)
  expect(own.map(({ version, operation }) => [version, operation])).toEqual([
    [1, 'upsert'],
    [2, 'upsert'],
    [3, 'upsert'],
    [4, 'upsert'],
    [5, 'delete'],
    [6, 'upsert'],
    [7, 'upsert'],
  ])
})

test('a second run sends nothing, and what comes later travels alone', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  await relay(gateway)
  gateway.bigquery.calls.length = 0

  await passRelayTime(gateway)
  await relay(gateway)
  expect(gateway.bigquery.calls).toEqual([])

  succeeded(await updateOne(gateway, tenant, id, { title: 'Another' }))
  await relayUntilQuiet(gateway)
  const rows = await expectExactCopy(gateway, tenant)
  expect(rows.map(({ version }) => version)).toEqual([1, 2])
  expect(rows[0]?.batch_id).not.toBe(rows[1]?.batch_id)
})

test('of a purged content one row stays, that says so', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const id = await live(gateway, tenant)
  const kept = await newContent(gateway, tenant)
  const unseen = await newContent(gateway, tenant)
  await purgeOne(gateway, tenant, unseen)
  await relay(gateway)
  expect(await readCopy(gateway, tenant.id)).toHaveLength(9)

  const [global] = await globalIdsOf(gateway, tenant, id)
  await purgeOne(gateway, tenant, global ?? '')
  await relayUntilQuiet(gateway)

  const rows = await expectExactCopy(gateway, tenant)
  const purges = rows.filter(({ operation }) => operation === 'purge')
  expect(rows).toHaveLength(3)
  expect(purges.map(({ content_id }) => content_id).toSorted()).toEqual(
    [id, decodeGlobalId(unseen).id].toSorted(),
  )
  const { rows: tombstones } = await gateway.database.admin.query<{
    eventId: string
    lastVersion: number
    purgedAt: Date
  }>(
    `select o.id as "eventId", t.last_version as "lastVersion", t.created_at as "purgedAt"
     from content_tombstones t join backup_outbox o on o.content_id = t.content_id
     where t.content_id = $1`,
    [id],
  )
  const [tombstone] = tombstones
  const row = purges.find(({ content_id }) => content_id === id)
  const { eventId, lastVersion, purgedAt } = tombstone ?? {}
  expect(row).toMatchObject({ tenant_id: tenant.id, snapshot_id: eventId, version: lastVersion })
  expect(row?.snapshot_timestamp).toBe(purgedAt?.toISOString())
  const { content_body, title, metadata, history, sha256, user_id } = row ?? {}
  expect([content_body, title, metadata, history, sha256, user_id]).toEqual(Array(6).fill(null))
  expect(rows.map(({ content_id }) => content_id)).toContain(decodeGlobalId(kept).id)
})

async function globalIdsOf(gateway: TestGateway, tenant: TestTenant, databaseId: string) {
  const document = `query { contents(first: 50) { nodes { id databaseId } } }`
  const { data } = await gateway.query<
    { contents: { nodes: { id: string; databaseId: string }[] } },
    object
  >(tenant, document)
  const nodes = data?.contents.nodes ?? []
  return nodes.filter((node) => node.databaseId === databaseId).map(({ id }) => id)
}

test('contents, backupStatus and runBackupSync tell what is in the copy', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  expect(await statusOf(gateway, tenant)).toMatchObject({
    enabled: true,
    unsyncedCount: 0,
    oldestUnsyncedAt: null,
    percentSynced: 100,
    lastRunAt: null,
    rpoMet: true,
  })
  const id = await newContent(gateway, tenant)
  expect(await storageOf(gateway, tenant, id)).toEqual({
    bigqueryBackedUp: false,
    bigqueryLastSyncAt: null,
  })
  const before = await statusOf(gateway, tenant)
  expect(before).toMatchObject({ unsyncedCount: 1, percentSynced: 0, lastSuccessAt: null })
  expect(Date.parse(before.oldestUnsyncedAt ?? '')).toBeGreaterThan(Date.now() - 60_000)

  await using _worker = await gateway.startWorker()
  const { data } = await gateway.query(tenant, syncDocument)
  expect(data?.runBackupSync).toEqual({
    __typename: 'OpsSuccess',
    message: '1 changes leave for the copy with the next batch.',
    backup: { unsyncedCount: 1, refusedCount: 0 },
  })
  await expect.poll(() => countPending(gateway), { timeout: 20_000 }).toBe(0)

  const storage = await storageOf(gateway, tenant, id)
  expect(storage?.bigqueryBackedUp).toBe(true)
  expect(Date.parse(storage?.bigqueryLastSyncAt ?? '')).toBeGreaterThan(Date.now() - 60_000)
  const after = await statusOf(gateway, tenant)
  expect(after).toMatchObject({ unsyncedCount: 0, lagSeconds: 0, percentSynced: 100, rpoMet: true })
  expect(after).toMatchObject({ failingSince: null, lastError: null })
  for (const time of [after.lastRunAt, after.lastSuccessAt]) {
    expect(Date.parse(time ?? '')).toBeGreaterThan(Date.now() - 60_000)
  }
  // The newest version is what counts.
  succeeded(await updateOne(gateway, tenant, id, { title: 'Another' }))
  expect(await storageOf(gateway, tenant, id)).toMatchObject({ bigqueryBackedUp: false })
  expect(await statusOf(gateway, tenant)).toMatchObject({ unsyncedCount: 1, percentSynced: 50 })
})

test('documents that wait for ZeroDB are copied from PostgreSQL, while it is away', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
  const tenant = await gateway.newTenant()
  gateway.zerodb.faults.add({ operation: '*', kind: 'status', status: 503 })
  const input = draft({ body: text('Waits'), onUnavailable: 'QUEUE' })
  succeeded(await createOne(gateway, tenant, input))

  await relay(gateway)

  expect(await countPending(gateway)).toBe(0)
  const [row] = await readCopy(gateway, tenant.id)
  expect(row).toMatchObject({ content_body: 'Waits', operation: 'upsert', version: 1 })
})

test('without a copy events wait, and come to it when it is switched on', async () => {
  await using gateway = await startGateway({ BIGQUERY_SYNC_ENABLED: 'false' }, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 3)
  gateway.bigquery.calls.length = 0
  await relay(gateway)
  await using bare = await gateway.startTwin({ BIGQUERY_SYNC_ENABLED: 'true' }, { bigquery: null })
  await relay(bare)

  for (const instance of [gateway, bare]) {
    const status = await statusOf(instance, tenant)
    expect(status).toMatchObject({ enabled: false, unsyncedCount: 3, rpoMet: false })
    expect(status).toMatchObject({ failingSince: null, lastError: null })
    const { data } = await instance.query(tenant, syncDocument)
    expect(data?.runBackupSync).toMatchObject({
      message: expect.stringContaining('There is no recovery copy') as string,
    })
  }
  expect(gateway.bigquery.calls).toEqual([])

  await using on = await gateway.startTwin({ BIGQUERY_SYNC_ENABLED: 'true' })
  await relay(on)
  expect(await countPending(gateway)).toBe(0)
  expect(await expectExactCopy(on, tenant)).toHaveLength(3)
})

test('tenants travel together, each with its own rows only', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenants = [await gateway.newTenant(), await gateway.newTenant()]
  for (const tenant of tenants) await createTestContents(gateway, tenant, 2)
  gateway.bigquery.calls.length = 0

  await relay(gateway)

  expect(loadsOf(gateway)).toHaveLength(1)
  for (const tenant of tenants) {
    const rows = await expectExactCopy(gateway, tenant)
    expect(rows.map(({ tenant_id }) => tenant_id)).toEqual([tenant.id, tenant.id])
  }
  const [first, second] = await Promise.all(tenants.map(({ id }) => readCopy(gateway, id)))
  expect(first?.[0]?.batch_id).toBe(second?.[0]?.batch_id)
})

function loadsOf({ bigquery }: CopiedGateway) {
  return bigquery.calls.filter(({ operation }) => operation === 'load')
}
