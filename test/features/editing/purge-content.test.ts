import { expect, test, vi } from 'vitest'
import { collectPurged } from '../../../src/features/editing/collect-purged.ts'
import { purgeTrash } from '../../../src/features/editing/purge-trash.ts'
import { encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { newId } from '../../../src/lib/id.ts'
import type { NewRow } from '../../../src/platform/zerodb.ts'
import { accountOf, auditOf, outboxOf } from '../../support/facts.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import {
  createOne,
  deleteOne,
  draft,
  newContent,
  purgeOne,
  readOne,
  succeeded,
  updateOne,
} from '../../support/writes.ts'

const text = (raw: string) => ({ format: 'TEXT' as const, raw })

const deps = ({ services }: TestGateway) => ({
  ...services,
  signal: AbortSignal.timeout(10_000),
})

/** The keys of the rows that ZeroDB keeps of a tenant. */
async function documentsOf(gateway: TestGateway, { id }: TestTenant): Promise<string[]> {
  const tables = ['content_items', 'content_versions']
  const { zerodb, signal } = deps(gateway)
  const rows = await Promise.all(
    tables.map((table) => Array.fromAsync(zerodb.eachRow(id, table, {}, { signal }))),
  )
  return rows.flat().map((row) => String(row['id']))
}

async function rowsOf({ database }: TestGateway, { id }: TestTenant) {
  const { rows } = await database.admin.query<Record<string, number>>(
    `select (select count(*)::integer from content_items where tenant_id = $1) as contents,
       (select count(*)::integer from content_versions where tenant_id = $1) as versions,
       (select count(*)::integer from content_tombstones where tenant_id = $1) as tombstones`,
    [id],
  )
  return rows[0]
}

/** As if so many hours had passed since documents were removed. */
async function age({ database }: TestGateway, hours: number): Promise<void> {
  await database.admin.query(
    `update content_tombstones
     set documents_removed_at = documents_removed_at - make_interval(hours => $1)`,
    [hours],
  )
}

test('of a purged content a tombstone stays, and nothing of another', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const kept = await newContent(gateway, tenant, { body: text('kept') })
  const keptDocuments = await documentsOf(gateway, tenant)
  const live = await newContent(gateway, tenant, { body: text('x'.repeat(100)) })
  const trashed = await newContent(gateway, tenant, { body: text('y'.repeat(100)) })
  for (const id of [live, trashed]) {
    succeeded(await updateOne(gateway, tenant, id, { body: text(`${id} z`) }))
    succeeded(await updateOne(gateway, tenant, id, { title: 'Renamed' }))
  }
  succeeded(await deleteOne(gateway, tenant, { id: trashed }))

  for (const id of [live, trashed]) {
    const { ids } = succeeded(await purgeOne(gateway, tenant, id, ' A lawyer asked. '))
    expect(ids).toEqual([id])
    expect(await readOne(gateway, tenant, { id }, true)).toBeNull()
  }

  expect(await documentsOf(gateway, tenant)).toEqual(keptDocuments)
  expect(await rowsOf(gateway, tenant)).toEqual({ contents: 1, versions: 1, tombstones: 2 })
  expect(await accountOf(gateway, tenant)).toEqual({ used: 4, reserved: 0, items: 1, stored: 4 })
  expect(await outboxOf(gateway, tenant)).toEqual(['upsert', 'purge', 'purge'])
  const { rows } = await gateway.database.admin.query(
    `select reason, last_version from content_tombstones order by last_version`,
  )
  expect(rows).toEqual([
    { reason: 'A lawyer asked.', last_version: 3 },
    { reason: 'A lawyer asked.', last_version: 4 },
  ])
  const [owner] = tenant.users
  expect((await auditOf(gateway, tenant)).slice(-2)).toMatchObject([
    { action: 'purgeContent', actor: owner?.id },
    { action: 'purgeContent', actor: owner?.id },
  ])
  expect((await readOne(gateway, tenant, { id: kept }))?.body?.raw).toBe('kept')
  await expectIntact(gateway)
})

test('a repeat is a success and changes nothing more', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  const first = await purgeOne(gateway, tenant, id)
  const events = await auditOf(gateway, tenant)

  expect(await purgeOne(gateway, tenant, id, 'Again.')).toEqual(first)

  expect(await auditOf(gateway, tenant)).toEqual(events)
  expect(await outboxOf(gateway, tenant)).toEqual(['purge'])
  await expectIntact(gateway)
})

test('an insert that was on its way is removed a day later, also when the purge was repeated', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  const { zerodb, signal } = deps(gateway)
  const rows = await Array.fromAsync(zerodb.eachRow(tenant.id, 'content_items', {}, { signal }))
  await purgeOne(gateway, tenant, id)
  await purgeOne(gateway, tenant, id)
  await zerodb.insertRow(tenant.id, 'content_items', rows[0] as NewRow, { signal })
  expect(await documentsOf(gateway, tenant)).toHaveLength(1)

  await collectPurged(deps(gateway))
  expect(await documentsOf(gateway, tenant)).toHaveLength(1)
  await age(gateway, 25)
  await collectPurged(deps(gateway))

  expect(await documentsOf(gateway, tenant)).toEqual([])
  gateway.zerodb.calls.length = 0
  await collectPurged(deps(gateway))
  expect(gateway.zerodb.calls).toEqual([])
  await expectIntact(gateway)
})

test('while ZeroDB is away a content is purged all the same, and its documents follow', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  await using struck = await gateway.startTwin({ LOG_LEVEL: 'silent' })
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })

  succeeded(await purgeOne(struck, tenant, id))
  expect(await readOne(gateway, tenant, { id }, true)).toBeNull()
  expect(await accountOf(gateway, tenant)).toEqual({ used: 0, reserved: 0, items: 0, stored: 0 })

  gateway.zerodb.faults.clear()
  expect(await documentsOf(gateway, tenant)).toHaveLength(2)
  await collectPurged(deps(gateway))
  expect(await documentsOf(gateway, tenant)).toEqual([])
  await expectIntact(gateway)
})

test('what is not there, or is not theirs, nobody can purge', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant()
  const foreign = await newContent(gateway, other)
  const id = await newContent(gateway, tenant)

  for (const missing of [foreign, encodeGlobalId('Content', newId())]) {
    expect(await purgeOne(gateway, tenant, missing)).toEqual({
      __typename: 'NotFoundError',
      code: 'NOT_FOUND',
      message: 'Content not found. Check the id; what is there may also be out of your reach.',
      path: ['id'],
    })
  }
  expect(await purgeOne(gateway, tenant.tokens.editor, id)).toMatchObject({
    __typename: 'ForbiddenError',
    requiredScopes: ['CONTENT_PURGE'],
  })
  for (const reason of ['', '  ', 'x'.repeat(501)]) {
    expect(await purgeOne(gateway, tenant, id, reason)).toMatchObject({
      __typename: 'ValidationError',
      issues: [{ path: ['reason'], code: 'LENGTH' }],
      message: expect.stringContaining('1 to 500 characters') as string,
    })
  }
  expect(await rowsOf(gateway, tenant)).toMatchObject({ contents: 1, tombstones: 0 })
  expect(await rowsOf(gateway, other)).toMatchObject({ contents: 1, tombstones: 0 })
})

test('a call whose content was purged since does not make it again under its key', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const create = () => createOne(gateway, tenant, draft({ idempotencyKey: 'once' }))
  const { id } = succeeded(await create()).content
  const rename = () => updateOne(gateway, tenant, id, { title: 'B', idempotencyKey: 'two' })
  succeeded(await rename())
  succeeded(await purgeOne(gateway, tenant, id))

  expect(await create()).toMatchObject({
    __typename: 'ConflictError',
    message: expect.stringContaining('use a new key') as string,
  })
  expect((await rename()).__typename).toMatch(/^(ConflictError|NotFoundError)$/)
  succeeded(await createOne(gateway, tenant, draft({ idempotencyKey: 'new' })))
  await expectIntact(gateway)
})

test('a writer who meets a purge is told that the content is gone', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const gone = {
    __typename: 'ConflictError',
    message: 'The content was purged meanwhile; nothing is left to change.',
    currentVersion: 0,
    current: null,
  }
  for (const [expectedVersion, error] of [
    [1, gone],
    [null, { __typename: 'NotFoundError' }],
  ] as const) {
    const id = await newContent(gateway, tenant)
    gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 400 })
    gateway.zerodb.calls.length = 0
    const update = updateOne(gateway, tenant, id, { title: 'Late', expectedVersion })
    await vi.waitUntil(() => gateway.zerodb.calls.length > 0, { interval: 5 })
    succeeded(await purgeOne(gateway, tenant, id))
    expect(await update).toMatchObject(error)
    gateway.zerodb.faults.clear()
  }
  expect(await accountOf(gateway, tenant)).toMatchObject({ used: 0, reserved: 0, items: 0 })
})

test('the trash is purged when its time is over, by the plan', async () => {
  await using gateway = await startGateway()
  const tiers = ['free', 'professional', 'enterprise'] as const
  const tenants = await Promise.all(tiers.map((planTier) => gateway.newTenant({ planTier })))
  for (const tenant of tenants) {
    const id = await newContent(gateway, tenant)
    await newContent(gateway, tenant, { title: 'Live' })
    succeeded(await deleteOne(gateway, tenant, { id }))
  }
  const contents = async () =>
    Promise.all(tenants.map(async (tenant) => (await rowsOf(gateway, tenant))?.['contents']))
  const deletedAgo = (days: number) =>
    gateway.database.admin.query(
      `update content_items set deleted_at = now() - make_interval(days => $1)
       where deleted_at is not null`,
      [days],
    )

  await deletedAgo(29)
  await purgeTrash(deps(gateway))
  expect(await contents()).toEqual([2, 2, 2])
  await deletedAgo(31)
  await purgeTrash(deps(gateway))
  await purgeTrash(deps(gateway))
  expect(await contents()).toEqual([1, 2, 2])
  await deletedAgo(5_000)
  await purgeTrash(deps(gateway))
  expect(await contents()).toEqual([1, 1, 2])

  const [free] = tenants
  if (!free) throw new Error('no tenant')
  expect((await auditOf(gateway, free)).at(-1)).toEqual({
    action: 'purgeContent',
    actor: null,
    requestId: 'task:purgeTrash',
  })
  expect(await documentsOf(gateway, free)).toHaveLength(2)
  await expectIntact(gateway)
})
