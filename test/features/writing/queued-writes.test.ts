import { expect, test, vi } from 'vitest'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { drainQueue } from '../../../src/features/writing/drain-queue.ts'
import type { Fault } from '../../../src/local/faults.ts'
import type { ZeroDbOperation } from '../../../src/local/zerodb/routes.ts'
import { accountOf } from '../../support/facts.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { expectIntact, expireLeases, verify } from '../../support/integrity.ts'
import {
  createMany,
  createOne,
  deleteOne,
  draft,
  historyOf,
  newContent,
  purgeOne,
  readOne,
  succeeded,
  updateOne,
} from '../../support/writes.ts'
import { plantUsage } from '../quota/plants.ts'

const text = (raw: string) => ({ format: 'TEXT' as const, raw })
const queue = { onUnavailable: 'QUEUE' as const }

const drain = ({ services }: TestGateway) =>
  drainQueue({ ...services, signal: AbortSignal.timeout(10_000) })

async function waiting({ database }: TestGateway): Promise<number> {
  const { rows } = await database.admin.query<{ count: number }>(
    'select count(*)::integer as count from queued_documents',
  )
  return rows[0]?.count ?? -1
}

const storedDocument = graphql(`
  query SnapshotsForTest($id: ID!) {
    content(ref: { id: $id }) {
      versions(first: 10) {
        nodes {
          versionNumber
          changesSummary
          snapshot {
            title
            body {
              raw
              provenance {
                store
              }
            }
          }
        }
      }
    }
  }
`)

async function snapshotsOf(gateway: TestGateway, tenant: TestTenant, id: string) {
  const { data, errors } = await gateway.query(tenant, storedDocument, { id })
  expect(errors).toBeUndefined()
  return data?.content?.versions.nodes.map(({ snapshot }) => snapshot)
}

type ZeroDbFault = Fault<ZeroDbOperation>

/** Ways in which ZeroDB can be away. */
const outages: Record<string, ZeroDbFault> = {
  'refuses connections': { operation: '*', kind: 'reset' },
  'answers 500': { operation: '*', kind: 'status', status: 500 },
  hangs: { operation: '*', kind: 'hang' },
  'takes what it does not confirm': { operation: '*', kind: 'answerLost' },
}

test.for(Object.entries(outages))(
  'while ZeroDB %s, writes that may wait happen all the same, and get there later',
  async ([, fault]) => {
    await using gateway = await startGateway({ LOG_LEVEL: 'silent' })
    const tenant = await gateway.newTenant()
    const old = await newContent(gateway, tenant, { title: 'Old', body: text('Old body') })
    await using struck = await gateway.startTwin({ ZERODB_TIMEOUT_MS: '200' })
    await using reader = await gateway.startTwin({ ZERODB_TIMEOUT_MS: '200' })
    gateway.zerodb.faults.add(fault)

    const created = succeeded(
      await createOne(struck, tenant, draft({ body: text('New body'), ...queue })),
    )
    const { id } = created.content
    const updated = succeeded(
      await updateOne(struck, tenant, old, { body: text('Newer body'), ...queue }),
    )
    const renamed = succeeded(await updateOne(struck, tenant, id, { title: 'Renamed', ...queue }))
    const batch = succeeded(
      await createMany(
        struck,
        tenant,
        ['a', 'b', 'c'].map((raw) => draft({ body: text(raw), ...queue })),
      ),
    )

    expect(batch.succeeded).toBe(3)
    for (const { queuedWriteId, content } of [updated, renamed]) {
      expect(queuedWriteId).toMatch(/^[0-9a-f-]{36}$/)
      expect(content).toMatchObject({ version: 2, storage: { state: 'QUEUED' } })
    }
    const used = 'New body'.length + 'Newer body'.length + 3
    const stored = used + 'Old body'.length
    const account = { used, reserved: 0, items: 5, stored }
    expect(await accountOf(gateway, tenant)).toEqual(account)
    expect(await waiting(gateway)).toBe(2 + 2 + 1 + 6)

    const postgres = { provenance: { store: 'POSTGRES' } }
    expect(await readOne(reader, tenant, { id })).toMatchObject({
      title: 'Renamed',
      body: { raw: 'New body', ...postgres },
    })
    expect(await snapshotsOf(reader, tenant, id)).toMatchObject([
      { title: 'Renamed', body: { raw: 'New body', ...postgres } },
      { title: 'A title', body: { raw: 'New body', ...postgres } },
    ])

    gateway.zerodb.faults.clear()
    await drain(gateway)

    expect(await waiting(gateway)).toBe(0)
    const zerodb = { provenance: { store: 'ZERODB' } }
    await using fresh = await gateway.startTwin()
    expect(await readOne(fresh, tenant, { id })).toMatchObject({
      storage: { state: 'STORED' },
      body: { raw: 'New body', ...zerodb },
    })
    expect((await readOne(fresh, tenant, { id: old }))?.body).toEqual({
      raw: 'Newer body',
      ...zerodb,
    })
    expect(await historyOf(fresh, tenant, id)).toHaveLength(2)
    expect(await accountOf(gateway, tenant)).toEqual(account)
    // Each body and each history entry is there, and once.
    const { findings, checked } = await verify(gateway)
    expect(findings).toEqual([])
    expect(checked.documents).toBe(6 + 7)
  },
)

test('a write that may not wait changes nothing, and one that may is told nothing of the sort', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  const { queuedWriteId } = succeeded(
    await updateOne(gateway, tenant, id, { title: 'B', ...queue }),
  )
  expect(queuedWriteId).toBeNull()
  await using struck = await gateway.startTwin()
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })

  expect(await updateOne(struck, tenant, id, { title: 'C' })).toMatchObject({
    __typename: 'StorageUnavailableError',
    store: 'ZERODB',
    message: expect.stringContaining('Nothing was changed') as string,
  })
  expect(await deleteOne(struck, tenant, { id })).toMatchObject({
    __typename: 'StorageUnavailableError',
  })
  expect(await readOne(gateway, tenant, { id })).toMatchObject({ title: 'B', version: 2 })
  expect(await waiting(gateway)).toBe(0)
})

test('a write that waits is one write: its repeat, its quota, its reference', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const externalRef = { system: 'cms', id: '1' }
  await using struck = await gateway.startTwin()
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })
  const input = draft({ externalRef, idempotencyKey: 'once', ...queue })

  const first = succeeded(await createOne(struck, tenant, input)).content
  expect(succeeded(await createOne(struck, tenant, input)).content).toEqual(first)
  const same = draft({ externalRef, ...queue })
  expect(await createOne(struck, tenant, same)).toMatchObject({ code: 'CONFLICT' })
  await plantUsage(gateway, tenant, { total_media_storage_bytes: bytesPerGb - 10 })
  const large = draft({ body: text('x'.repeat(100)), ...queue })
  expect(await createOne(struck, tenant, large)).toMatchObject({ code: 'QUOTA_EXCEEDED' })
  expect(await accountOf(gateway, tenant)).toMatchObject({ used: 6, reserved: 0, items: 1 })

  await plantUsage(gateway, tenant, { total_media_storage_bytes: 0 })
  gateway.zerodb.faults.clear()
  await drain(gateway)
  await expireLeases(gateway)
  await gateway.sweep()
  await expectIntact(gateway)
})

test('a repeat names the write that waits, and no write once it has gone', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using struck = await gateway.startTwin()
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })
  const document = `mutation ($inputs: [CreateContentInput!]!) {
    createContents(inputs: $inputs) {
      ... on ContentBatchSuccess { results { queuedWriteId } }
    }
  }`
  const inputs = ['a', 'b'].map((idempotencyKey) => draft({ idempotencyKey, ...queue }))
  const namesOf = async (instance: TestGateway) => {
    const { data, errors } = await instance.query<
      { createContents: { results: { queuedWriteId: string | null }[] } },
      object
    >(tenant, document, { inputs })
    expect(errors).toBeUndefined()
    return data?.createContents.results.map(({ queuedWriteId }) => queuedWriteId) ?? []
  }

  const names = await namesOf(struck)

  expect(new Set(names).size).toBe(2)
  expect(names).not.toContain(null)
  expect(await namesOf(struck)).toEqual(names)
  gateway.zerodb.faults.clear()
  await drain(gateway)
  expect(await namesOf(gateway)).toEqual([null, null])
})

test('ZeroDB that is still away keeps nothing from getting there in the end', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' })
  const tenant = await gateway.newTenant()
  await using struck = await gateway.startTwin()
  await using worker = await gateway.startTwin()
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })
  const id = await newContent(struck, tenant, queue)

  await expect(drain(worker)).rejects.toThrow('ZeroDB')
  expect(await waiting(gateway)).toBe(2)
  expect((await readOne(worker, tenant, { id }))?.body?.provenance.store).toBe('POSTGRES')

  gateway.zerodb.faults.clear()
  await vi.waitFor(() => drain(worker), { timeout: 8_000, interval: 100 })
  expect(await waiting(gateway)).toBe(0)
  await expectIntact(gateway)
})

test('what a worker took to ZeroDB without knowing is not taken there twice', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' })
  const tenant = await gateway.newTenant()
  await using struck = await gateway.startTwin()
  await using worker = await gateway.startTwin()
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })
  for (let n = 0; n < 5; n++) await newContent(struck, tenant, { body: text(`${n}`), ...queue })
  gateway.zerodb.faults.clear()
  gateway.zerodb.faults.add(
    { operation: 'insert', kind: 'answerLost', after: 2 },
    { operation: 'query', kind: 'status', status: 500, after: 1 },
  )
  await expect(drain(worker)).rejects.toThrow('ZeroDB')
  expect(await waiting(gateway)).toBeGreaterThan(0)

  gateway.zerodb.faults.clear()
  await Promise.all([drain(gateway), drain(struck).catch(() => undefined)])
  await vi.waitFor(() => drain(gateway), { timeout: 8_000, interval: 100 })

  expect(await waiting(gateway)).toBe(0)
  const { findings, checked } = await verify(gateway)
  expect(findings).toEqual([])
  expect(checked.documents).toBe(10)
})

test('a worker that died with its batch holds it for a minute, and then it is the next one’s', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using struck = await gateway.startTwin()
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })
  await newContent(struck, tenant, queue)
  gateway.zerodb.faults.clear()
  const { admin } = gateway.database
  await admin.query(`update queued_documents set lease_expires_at = now() + interval '1 minute'`)

  await drain(gateway)
  expect(await waiting(gateway)).toBe(2)
  await admin.query(`update queued_documents set lease_expires_at = now() - interval '1 second'`)
  await drain(gateway)

  expect(await waiting(gateway)).toBe(0)
  await expectIntact(gateway)
})

test('what waits can be changed, deleted and purged', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using struck = await gateway.startTwin()
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })
  const [changed, deleted, purged] = [
    await newContent(struck, tenant, queue),
    await newContent(struck, tenant, queue),
    await newContent(struck, tenant, queue),
  ]
  gateway.zerodb.faults.clear()
  succeeded(await updateOne(gateway, tenant, changed, { body: text('Changed') }))
  succeeded(await deleteOne(gateway, tenant, { id: deleted }))
  succeeded(await purgeOne(gateway, tenant, purged))
  expect(await waiting(gateway)).toBe(4)
  await expectIntact(gateway)

  await drain(gateway)

  expect(await readOne(gateway, tenant, { id: changed })).toMatchObject({
    version: 2,
    body: { raw: 'Changed' },
  })
  expect(await readOne(gateway, tenant, { id: deleted }, true)).toMatchObject({
    body: { raw: 'A body', provenance: { store: 'ZERODB' } },
  })
  expect(await accountOf(gateway, tenant)).toEqual({ used: 7, reserved: 0, items: 1, stored: 19 })
  const { findings, checked } = await verify(gateway)
  expect(findings).toEqual([])
  expect(checked.documents).toBe(3 + 4)
})
