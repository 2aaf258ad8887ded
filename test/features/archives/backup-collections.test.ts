import { createHash } from 'node:crypto'
import { zstdDecompressSync } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { backUpCollection } from '../../../src/features/archives/back-up-collection.ts'
import { removeExpiredArchives } from '../../../src/features/archives/remove-expired-archives.ts'
import { ringArchiveRuns } from '../../../src/features/archives/ring-archive-runs.ts'
import { decodeGlobalId } from '../../../src/graphql/global-id.ts'
import { newId } from '../../../src/lib/id.ts'
import {
  backUp,
  expireRuns,
  filesOf,
  loseRows,
  makeArchive,
  plantArchive,
  rowsIn,
} from '../../support/archives.ts'
import { createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { runProgram, storesOf } from '../../support/program.ts'
import { deleteOne, purgeOne } from '../../support/writes.ts'

const backupDocument = graphql(`
  mutation BackUpForTest($collections: [String!]) {
    backupCollections(collections: $collections) {
      __typename
      ... on OpsSuccess {
        ok
        message
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`)

const listDocument = graphql(`
  query ArchivesForTest($collection: String, $first: Int, $after: String) {
    backupArchives(collection: $collection, first: $first, after: $after) {
      nodes {
        id
        databaseId
        collection
        fileName
        documentCount
        sizeBytes
        compressed
        backupDate
        expiresAt
        checksum
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`)

async function ask(gateway: TestGateway, tenant: TestTenant, collections?: string[]) {
  const { data, errors } = await gateway.query(tenant, backupDocument, { collections })
  if (!data) throw new Error(JSON.stringify(errors))
  return data.backupCollections
}

async function list(gateway: TestGateway, tenant: TestTenant | string, variables = {}) {
  const { data, errors } = await gateway.query(tenant, listDocument, variables)
  if (!data) throw new Error(JSON.stringify(errors))
  return data.backupArchives
}

/** The archive as one file. */
async function contentOf(
  { services: { zerodb } }: TestGateway,
  { id }: TestTenant,
  fileIds: readonly string[],
): Promise<Buffer> {
  const parts = await Promise.all(fileIds.map((fileId) => zerodb.readFile(id, fileId)))
  return Buffer.concat(parts.map((part) => part ?? Buffer.of()))
}

test('a worker archives every collection, and the list tells of it', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 3)
  await using _worker = await gateway.startWorker()

  expect(await ask(gateway, tenant)).toEqual({
    __typename: 'OpsSuccess',
    ok: true,
    message: 'The backup of content_items and content_versions has begun.',
  })
  await vi.waitUntil(async () => (await list(gateway, tenant)).nodes.length === 2, 10_000)

  const { nodes } = await list(gateway, tenant, { collection: 'content_items' })
  expect(nodes).toEqual([
    {
      id: expect.any(String),
      databaseId: expect.any(String),
      collection: 'content_items',
      fileName: expect.stringMatching(/^content_items_backup_\d{8}_\d{6}\.json\.zst$/),
      documentCount: 3,
      sizeBytes: expect.any(String),
      compressed: true,
      backupDate: expect.any(String),
      expiresAt: expect.any(String),
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  ])
  const [archive] = nodes
  const kept = Date.parse(String(archive?.expiresAt)) - Date.parse(String(archive?.backupDate))
  expect(kept / 86_400_000).toBeCloseTo(30, 1)
  expect(decodeGlobalId(archive?.id ?? '').id).toBe(archive?.databaseId)
  const actions = await gateway.query<{ auditEvents: { nodes: { action: string }[] } }, object>(
    tenant,
    `{ auditEvents(subjectId: "${archive?.id}") { nodes { action } } }`,
  )
  expect(actions.data?.auditEvents.nodes).toEqual([{ action: 'backUpCollection' }])
})

test('an archive is one JSON object with every document, and its checksum is that of the file', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 5, () => ({
    title: 'Zeilen\u2028und "Striche"',
    body: { format: 'TEXT', raw: '],"document_count":0}\n{' },
  }))

  const archive = await makeArchive(gateway, tenant, 'content_items')

  const content = await contentOf(gateway, tenant, archive.fileIds)
  expect(createHash('sha256').update(content).digest('hex')).toBe(archive.sha256)
  expect(content).toHaveLength(archive.sizeBytes)
  expect(JSON.parse(zstdDecompressSync(content).toString())).toEqual({
    collection: 'content_items',
    backup_date: archive.createdAt.toISOString(),
    document_count: 5,
    documents: await rowsIn(gateway, tenant, 'content_items'),
  })
  expect(await filesOf(gateway, tenant)).toEqual([`${archive.id}_${archive.fileName}`])
})

test('a tenant without contents has an archive without documents', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { documentCount } = await makeArchive(gateway, tenant, 'content_versions')
  expect(documentCount).toBe(0)
})

test('archives are listed newest first, page after page', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const planted: string[] = []
  for (let n = 0; n < 5; n++) planted.push(await plantArchive(gateway, tenant, `${n}`))

  const first = await list(gateway, tenant, { first: 3 })
  const after = first.pageInfo.endCursor
  const second = await list(gateway, tenant, { first: 3, after })

  expect([...first.nodes, ...second.nodes].map(({ id }) => id)).toEqual(planted.toReversed())
  expect([first.pageInfo.hasNextPage, second.pageInfo.hasNextPage]).toEqual([true, false])
  expect((await list(gateway, tenant, { collection: 'nothing' })).nodes).toEqual([])
  const { errors } = await gateway.query(tenant.tokens.editor, listDocument, {})
  expect(errors?.[0]?.message).toMatch(/BACKUP_READ/)
})

test('a collection that is not there is refused by name, and nothing is begun', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()

  expect(await ask(gateway, tenant, ['content_items', 'payments'])).toMatchObject({
    __typename: 'ValidationError',
    message: 'collections: has no payments; there are content_items and content_versions',
  })
  expect(await ask(gateway, tenant, [])).toMatchObject({ __typename: 'ValidationError' })
  const { rows } = await gateway.database.admin.query('select * from archive_runs')
  expect(rows).toEqual([])
})

test('of one collection one backup is under way at a time', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 3)
  await ask(gateway, tenant, ['content_items'])

  expect(await ask(gateway, tenant)).toMatchObject({
    message:
      'The backup of content_versions has begun. A backup of content_items is under way already, or failed and is tried again within minutes.',
  })
  const work = { tenantId: tenant.id, collection: 'content_items' }
  const deps = { ...gateway.services, signal: AbortSignal.timeout(10_000) }
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => backUpCollection(deps, work)))

  expect(outcomes.map(({ state }) => state).toSorted()).toEqual([
    'made',
    'notOurs',
    'notOurs',
    'notOurs',
  ])
  expect((await list(gateway, tenant)).nodes).toHaveLength(1)
  expect(await filesOf(gateway, tenant)).toHaveLength(1)
  expect(await backUpCollection(deps, { ...work, collection: 'payments' })).toEqual({
    state: 'notOurs',
  })
})

test('each tenant has archives of its own', async () => {
  await using gateway = await startGateway()
  const [tenant, other] = [await gateway.newTenant(), await gateway.newTenant()]
  await createTestContents(gateway, tenant, 2)
  await createTestContents(gateway, other, 3)

  const mine = await makeArchive(gateway, tenant, 'content_items')
  const theirs = await makeArchive(gateway, other, 'content_items')

  expect([mine.documentCount, theirs.documentCount]).toEqual([2, 3])
  const { nodes } = await list(gateway, tenant)
  expect(nodes.map(({ databaseId }) => databaseId)).toEqual([mine.id])
  expect(await filesOf(gateway, other)).toEqual([`${theirs.id}_${theirs.fileName}`])
  const content = zstdDecompressSync(await contentOf(gateway, tenant, mine.fileIds)).toString()
  expect(content).not.toContain(other.id)
})

test('what ZeroDB has lost is counted and told, and the rest is archived', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 4)
  const [row] = await rowsIn(gateway, tenant, 'content_items')
  await gateway.services.zerodb.deleteRowsByKey(tenant.id, 'content_items', [String(row?.['id'])])

  const outcome = await backUp(gateway, tenant, 'content_items')
  expect(outcome).toMatchObject({ state: 'made', documents: 3, missing: 1 })
  await loseRows(gateway, tenant, 'content_versions')
  const lost = await backUp(gateway, tenant, 'content_versions')
  expect(lost).toMatchObject({ state: 'made', documents: 0, missing: 4 })
})

test('rows that a page holds back are asked for by their keys', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 20)
  gateway.zerodb.faults.add({ operation: 'query', kind: 'missingRows', count: 3, times: 1 })

  const outcome = await backUp(gateway, tenant, 'content_items')

  expect(outcome).toMatchObject({ state: 'made', documents: 20, missing: 0 })
})

test('deletions and purges beside a backup do not make it pass over what stays', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const ids = await createTestContents(gateway, tenant, 12)
  // The pages of one row: the walk takes a while.
  await gateway.database.admin.query('update content_versions set size_bytes = 20000000')
  gateway.zerodb.faults.add({ operation: 'query', kind: 'latency', ms: 30 })
  const backup = backUp(gateway, tenant, 'content_items')
  await vi.waitUntil(() => gateway.zerodb.calls.length > 3)
  for (const id of ids.slice(0, 4)) {
    await deleteOne(gateway, tenant, { id })
    await purgeOne(gateway, tenant, id, 'A test.')
  }
  const outcome = await backup
  const stay = await rowsIn(gateway, tenant, 'content_items')

  expect(stay).toHaveLength(8)
  if (outcome.state !== 'made') throw new Error(JSON.stringify(outcome))
  const text = zstdDecompressSync(await contentOf(gateway, tenant, outcome.fileIds)).toString()
  for (const { id } of stay) expect(text).toContain(String(id))
})

test('an upload that fails is tried again later, and given up after the fifth time', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  gateway.zerodb.faults.add({ operation: 'upload', kind: 'status', status: 413 })

  const work = { tenantId: tenant.id, collection: 'content_items' }
  const deps = { ...gateway.services, signal: AbortSignal.timeout(10_000) }
  const states: unknown[] = []
  for (let outcome = await backUp(gateway, tenant, 'content_items'); ;) {
    states.push('givenUp' in outcome ? outcome.givenUp : outcome.state)
    if (outcome.state === 'notOurs') break
    expect(await backUpCollection(deps, work)).toEqual({ state: 'notOurs' })
    await expireRuns(gateway)
    outcome = await backUpCollection(deps, work)
  }

  expect(states).toEqual([false, false, false, false, true, 'notOurs'])
  const { rows } = await gateway.database.admin.query(
    `select after from audit_events where action = 'giveUpBackup'`,
  )
  expect(rows).toEqual([{ after: { collection: 'content_items', attempts: 5 } }])
  expect((await list(gateway, tenant)).nodes).toEqual([])
})

test('a file whose upload was answered into the void is deleted by the next backup', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 2)
  gateway.zerodb.faults.add({ operation: 'upload', kind: 'answerLost', times: 1 })
  expect(await backUp(gateway, tenant, 'content_items')).toMatchObject({ state: 'failed' })
  expect(await filesOf(gateway, tenant)).toHaveLength(1)
  // Nobody's business but the tenant's.
  const other = { name: 'logo.png', content: new Uint8Array(3), metadata: {} }
  await gateway.services.zerodb.uploadFile(tenant.id, other)

  await expireRuns(gateway)
  const archive = await makeArchive(gateway, tenant, 'content_items')

  expect(await filesOf(gateway, tenant)).toEqual(
    [`${archive.id}_${archive.fileName}`, 'logo.png'].toSorted(),
  )
})

test('a backup killed in the midst leaves a file at most, and a worker makes another', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 2)
  // The bytes are kept; whoever looks after them is left waiting.
  gateway.zerodb.faults.add({ operation: 'file', kind: 'hang' })
  await using program = runProgram(['archive', 'backup', 'content_items'], {
    ...storesOf(gateway),
    AUTH_ISSUER: 'nobody',
    AUTH_JWKS_URL: 'http://127.0.0.1:1/never-asked',
  })
  await vi.waitUntil(() => gateway.zerodb.calls.some(({ operation }) => operation === 'file'), {
    timeout: 15_000,
  })
  program.child.kill('SIGKILL')
  await program.exited
  gateway.zerodb.faults.clear()
  expect(await filesOf(gateway, tenant)).toHaveLength(1)
  expect((await list(gateway, tenant)).nodes).toEqual([])

  await using _worker = await gateway.startWorker()
  await expireRuns(gateway)
  await ringArchiveRuns({ ...gateway.services, signal: AbortSignal.timeout(5_000) })
  await vi.waitUntil(async () => (await list(gateway, tenant)).nodes.length === 1, 10_000)
  const [archive] = (await list(gateway, tenant)).nodes
  expect(await filesOf(gateway, tenant)).toEqual([`${archive?.databaseId}_${archive?.fileName}`])
})

test('a worker that stops hands its backup back', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  gateway.zerodb.faults.add({ operation: 'upload', kind: 'hang' })
  const worker = await gateway.startWorker()
  await ask(gateway, tenant, ['content_items'])
  await vi.waitUntil(() => gateway.zerodb.calls.some(({ operation }) => operation === 'upload'))
  await worker[Symbol.asyncDispose]()

  const { rows } = await gateway.database.admin.query(
    `select attempts, lease_expires_at < now() as free from archive_runs`,
  )
  expect(rows).toEqual([{ attempts: 0, free: true }])
  gateway.zerodb.faults.clear()
  await makeArchive(gateway, tenant, 'content_items')
})

test('a backup that killed every worker is given up', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await ask(gateway, tenant, ['content_items'])
  await gateway.database.admin.query('update archive_runs set attempts = 5')

  expect(await backUp(gateway, tenant, 'content_items')).toEqual({ state: 'givenUp' })
  const { rows } = await gateway.database.admin.query('select * from archive_runs')
  expect(rows).toEqual([])
  await makeArchive(gateway, tenant, 'content_items')
})

test('a large collection is kept in parts of a size, whatever its own', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { zerodb } = gateway.services
  const rows = Array.from({ length: 5_000 }, (_, n) => ({ id: newId(), n, noise: newId() }))
  for (let start = 0; start < rows.length; start += 50) {
    const chunk = rows.slice(start, start + 50)
    await Promise.all(chunk.map((row) => zerodb.insertRow(tenant.id, 'content_items', row)))
  }
  gateway.zerodb.calls.length = 0

  const archive = await makeArchive(gateway, tenant, 'content_items', { partBytes: 64 * 1024 })

  expect(archive.documentCount).toBe(5_000)
  const files = await Array.fromAsync(zerodb.eachFile(tenant.id))
  expect(files.length).toBeGreaterThan(2)
  expect(Math.max(...files.map(({ sizeBytes }) => sizeBytes))).toBeLessThanOrEqual(64 * 1024)
  expect(files.map(({ name }) => name).toSorted()).toEqual(
    files.map((_, n) => `${archive.id}_${archive.fileName}.${String(n + 1).padStart(3, '0')}`),
  )
  const content = await contentOf(gateway, tenant, archive.fileIds)
  const { documents } = JSON.parse(zstdDecompressSync(content).toString()) as {
    documents: { id: string }[]
  }
  expect(documents.map(({ id }) => id)).toEqual(rows.map(({ id }) => id).toSorted())
  const pages = gateway.zerodb.calls.filter(({ operation }) => operation === 'query')
  expect(pages.length).toBeLessThan(60)
})

test('archives go with their files when their time is over, and not while ZeroDB is away', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  await makeArchive(gateway, tenant, 'content_items')
  await gateway.database.admin.query(`update backup_archives set expires_at = now()`)
  const young = await makeArchive(gateway, tenant, 'content_items')
  const deps = { ...gateway.services, signal: AbortSignal.timeout(10_000) }

  gateway.zerodb.faults.add({ operation: 'deleteFile', kind: 'status', status: 503 })
  await expect(removeExpiredArchives(deps)).rejects.toMatchObject({ failure: 'unavailable' })
  expect((await list(gateway, tenant)).nodes).toHaveLength(2)
  gateway.zerodb.faults.clear()
  await vi.waitFor(() => removeExpiredArchives(deps), { timeout: 5_000, interval: 200 })
  await removeExpiredArchives(deps)

  const { nodes } = await list(gateway, tenant)
  expect(nodes.map(({ databaseId }) => databaseId)).toEqual([young.id])
  expect(await filesOf(gateway, tenant)).toEqual([`${young.id}_${young.fileName}`])
})
