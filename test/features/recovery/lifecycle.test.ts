import { expect, test } from 'vitest'
import { bodyTable } from '../../../src/features/content/documents.ts'
import { collectPurged } from '../../../src/features/editing/collect-purged.ts'
import { drainQueue } from '../../../src/features/writing/drain-queue.ts'
import { expireVersions } from '../../../src/features/versions/expire-versions.ts'
import { sweepWrites } from '../../../src/features/writing/sweep-writes.ts'
import type { Finding } from '../../../src/features/recovery/finding.ts'
import { encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { newId } from '../../../src/lib/id.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { expectIntact, expireLeases, repair, verify } from '../../support/integrity.ts'
import { createOne, draft, upsertOne } from '../../support/writes.ts'

// What is over, or on its way to be, must look to the checks like what it is.

const deleteDocument = graphql(`
  mutation DeleteForRecovery($ref: ContentRef!) {
    deleteContent(ref: $ref) {
      __typename
    }
  }
`)

const undeleteDocument = graphql(`
  mutation UndeleteForRecovery($id: ID!) {
    undeleteContent(id: $id) {
      __typename
    }
  }
`)

const restoreDocument = graphql(`
  mutation RestoreForRecovery($contentId: ID!, $version: Int!) {
    restoreVersion(contentId: $contentId, version: $version) {
      __typename
    }
  }
`)

const purgeDocument = graphql(`
  mutation PurgeForRecovery($id: ID!) {
    purgeContent(id: $id, reason: "Asked for") {
      __typename
    }
  }
`)

const text = (raw: string) => ({ format: 'TEXT' as const, raw })

/** A content of three versions, of which the first two share a body, made under keys; its id. */
async function createWithHistory(gateway: TestGateway, tenant: TestTenant, name: string) {
  const ref = { externalRef: { system: 'test', id: name } }
  const changes = [
    { title: 'First', body: text(`${name} one`) },
    { title: 'Second', body: text(`${name} one`) },
    { title: 'Second', body: text(`${name} two`) },
  ]
  let id = ''
  for (const [n, change] of changes.entries()) {
    const input = draft({ ...change, idempotencyKey: `${name} ${n}` })
    const result = await upsertOne(gateway, tenant, ref, input)
    expect(result.__typename).toBe('ContentSuccess')
    if (result.__typename === 'ContentSuccess') ({ id } = result.content)
  }
  return id
}

async function purge(gateway: TestGateway, tenant: TestTenant, id: string) {
  const { data } = await gateway.query(tenant, purgeDocument, { id })
  expect(data?.purgeContent.__typename).toBe('DeletedIds')
}

test('a content deleted, undeleted and restored leaves nothing to find at any point', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await createWithHistory(gateway, tenant, 'a')

  const deleted = await gateway.query(tenant, deleteDocument, { ref: { id } })
  expect(deleted.data?.deleteContent.__typename).toBe('DeleteContentSuccess')
  await expectIntact(gateway)

  const undeleted = await gateway.query(tenant, undeleteDocument, { id })
  expect(undeleted.data?.undeleteContent.__typename).toBe('ContentSuccess')
  const restored = await gateway.query(tenant, restoreDocument, { contentId: id, version: 1 })
  expect(restored.data?.restoreVersion.__typename).toBe('VersionSuccess')
  await expectIntact(gateway)
})

test('a purge leaves nothing to find while ZeroDB is away, when it is back, and a day later', async () => {
  await using gateway = await startGateway()
  await using checker = await gateway.startTwin()
  const tenant = await gateway.newTenant()
  const [first, second] = [
    await createWithHistory(gateway, tenant, 'a'),
    await createWithHistory(gateway, tenant, 'b'),
  ]

  await purge(gateway, tenant, first)
  await expectIntact(checker)

  gateway.zerodb.faults.add({ operation: 'bulkDelete', kind: 'status', status: 500 })
  await purge(gateway, tenant, second)
  const pending = await verify(checker)
  expect(pending).toMatchObject({ findings: [], checked: { contents: 0, documents: 5 } })
  expect(pending.checked.expected).toBe(5)

  gateway.zerodb.faults.clear()
  await gateway.database.admin.query(
    `update content_tombstones set created_at = created_at - interval '2 hours'`,
  )
  const { findings } = await repair(checker)
  expect(findings).toMatchObject([{ invariant: 'I5', repair: 'purge', repaired: true }])
  await expireLeases(gateway, 25)
  await checker.sweep()
  expect(await verify(checker)).toMatchObject({ findings: [], checked: { documents: 0 } })
})

test('a repair that ZeroDB does not let through still tells what it found', async () => {
  await using gateway = await startGateway()
  await using checker = await gateway.startTwin()
  const tenant = await gateway.newTenant()
  const lost = { id: newId(), content_body: 'Lost' }
  await gateway.services.zerodb.insertRow(tenant.id, bodyTable, lost)
  gateway.zerodb.faults.add({ operation: 'bulkDelete', kind: 'status', status: 500 })
  const found: Finding[] = []

  await expect(repair(checker, found)).rejects.toThrow('ZeroDB')

  expect(found).toMatchObject([{ invariant: 'I5', subject: { documentId: lost.id } }])
  expect(found[0]?.repaired).toBeUndefined()
})

test('documents in the queue count as stored, and so they do while they leave it', async () => {
  await using gateway = await startGateway()
  await using checker = await gateway.startTwin()
  const tenant = await gateway.newTenant()
  await createWithHistory(gateway, tenant, 'a')
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'status', status: 500 })
  const input = draft({ body: text('é'.repeat(5_000)), onUnavailable: 'QUEUE' })
  expect(await createOne(gateway, tenant, input)).toMatchObject({ __typename: 'ContentSuccess' })

  const queued = await verify(checker)
  expect(queued).toMatchObject({ findings: [], checked: { contents: 2, documents: 5 } })
  expect(queued.checked.expected).toBe(2 + 4 + 5)

  gateway.zerodb.faults.clear()
  await drainQueue({ ...checker.services, signal: AbortSignal.timeout(10_000) })
  expect(await verify(checker)).toMatchObject({ findings: [], checked: { documents: 7 } })
})

test('versions may expire with and without their documents', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await createWithHistory(gateway, tenant, 'a')
  await createWithHistory(gateway, tenant, 'b')
  await gateway.query(tenant, restoreDocument, { contentId: id, version: 1 })
  await gateway.database.admin.query(
    `update content_versions set created_at = created_at - interval '10 years'`,
  )
  const deps = { ...gateway.services, signal: AbortSignal.timeout(10_000) }

  gateway.zerodb.faults.add({ operation: 'bulkDelete', kind: 'status', status: 500, after: 1 })
  await expect(expireVersions(deps)).rejects.toThrow('ZeroDB')
  await using later = await gateway.startTwin()
  await expectIntact(later)
  gateway.zerodb.faults.clear()
  await expireVersions({ ...deps, ...later.services })

  const { findings, checked } = await verify(later)
  expect(findings).toEqual([])
  // Of `a` the current version shares the body of the first, which therefore stays.
  expect(checked).toMatchObject({ versions: 7, documents: 4 })
  expect(checked.expected).toBe(2 + 7 + 4)
})

test('a repair that is run beside the writers it meets takes nothing from them', async () => {
  await using gateway = await startGateway()
  await using checker = await gateway.startTwin()
  const tenant = await gateway.newTenant()
  let writers = 3
  const write = async (writer: number) => {
    for (let n = 0; n < 10; n++) {
      await createWithHistory(gateway, tenant, `${writer}-${n}`)
      await corruptUsage(gateway, tenant)
    }
    writers--
  }
  const seen = new Set<string>()
  const repairAll = async () => {
    while (writers > 0) {
      const { findings } = await repair(checker)
      for (const { invariant } of findings) seen.add(invariant)
    }
  }

  await Promise.all([repairAll(), ...Array.from({ length: 3 }, (_, writer) => write(writer))])

  expect([...seen]).toEqual(['I2'])
  await repair(checker)
  expect(await verify(checker)).toMatchObject({ findings: [], checked: { contents: 30 } })
})

async function corruptUsage({ database }: TestGateway, { id }: TestTenant): Promise<void> {
  await database.admin.query(
    `update content_storage_usage set stored_body_bytes = stored_body_bytes + 7 where tenant_id = $1`,
    [id],
  )
}

test('contents and tasks in the middle of anything raise no false alarm', async () => {
  await using gateway = await startGateway()
  await using checker = await gateway.startTwin()
  const tenant = await gateway.newTenant()
  gateway.zerodb.faults.add(
    { operation: 'insert', kind: 'latency', ms: 1, jitterMs: 20 },
    { operation: 'insert', kind: 'status', status: 500, probability: 0.1, seed: 11 },
    { operation: 'bulkDelete', kind: 'status', status: 500, probability: 0.1, seed: 12 },
  )
  let writers = 3
  const live = async (writer: number) => {
    for (let n = 0; n < 8; n++) await liveAndDie(gateway, tenant, `${writer}-${n}`)
    writers--
  }
  const deps = { ...gateway.services, signal: AbortSignal.timeout(60_000) }
  const work = async () => {
    while (writers > 0) {
      await ageVersions(gateway)
      const tasks = [drainQueue, collectPurged, expireVersions, sweepWrites]
      await Promise.allSettled(tasks.map((task) => task(deps)))
    }
  }
  let checks = 0
  const check = async () => {
    while (writers > 0) {
      expect((await verify(checker)).findings).toEqual([])
      checks++
    }
  }

  await Promise.all([check(), work(), ...[0, 1, 2].map(live)])

  expect(checks).toBeGreaterThan(2)
  gateway.zerodb.faults.clear()
  await expectIntact(checker)
})

/** Everything that can happen to a content; any of it may fail while ZeroDB does. */
async function liveAndDie(gateway: TestGateway, tenant: TestTenant, name: string): Promise<void> {
  const ref = { externalRef: { system: 'test', id: name } }
  const write = (raw: string) =>
    upsertOne(gateway, tenant, ref, draft({ body: text(raw), onUnavailable: 'QUEUE' }))
  const result = await write(`${name} one`)
  if (result.__typename !== 'ContentSuccess') return
  const { id } = result.content
  await write(`${name} two`)
  await gateway.query(tenant, restoreDocument, { contentId: id, version: 1 })
  await gateway.query(tenant, deleteDocument, { ref: { id } })
  await gateway.query(tenant, undeleteDocument, { id })
  await write(`${name} three`)
  await gateway.query(tenant, purgeDocument, { id })
}

/** All but the current and the last version of each content are over for every plan. */
async function ageVersions({ database }: TestGateway): Promise<void> {
  await database.admin.query(
    `update content_versions v set created_at = v.created_at - interval '10 years'
     from content_items c where c.tenant_id = v.tenant_id and c.id = v.content_id
       and v.version_number < c.version and v.created_at > now() - interval '1 year'`,
  )
}

test('a purged content is audited under the id it had', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const result = await createOne(gateway, tenant, draft())
  if (result.__typename !== 'ContentSuccess') throw new Error(result.__typename)
  const { id, databaseId } = result.content
  await purge(gateway, tenant, id)

  const { data } = await gateway.query(
    tenant,
    `{ auditEvents(subjectId: "${encodeGlobalId('Content', databaseId)}") { nodes { action } } }`,
  )
  expect(data).toEqual({
    auditEvents: { nodes: [{ action: 'purgeContent' }, { action: 'createContent' }] },
  })
})
