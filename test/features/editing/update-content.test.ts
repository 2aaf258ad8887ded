import { expect, test, vi } from 'vitest'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import type { Scope } from '../../../src/lib/viewer.ts'
import { brandOf } from '../../support/contents.ts'
import { accountOf, insertsOf } from '../../support/facts.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { expectIntact, expireLeases } from '../../support/integrity.ts'
import {
  createOne,
  deleteOne,
  historyOf,
  newContent,
  readOne,
  succeeded,
  updateOne,
} from '../../support/writes.ts'
import { plantUsage } from '../quota/plants.ts'

const text = (raw: string) => ({ format: 'TEXT' as const, raw })
const soon = new Date(Date.now() + 3_600_000).toISOString()

const whole = {
  title: 'Whole',
  body: text('Whole body'),
  platforms: ['TWITTER' as const, 'FACEBOOK' as const],
  tags: ['a', 'b'],
  hashtags: ['#a'],
  mentions: ['@a'],
  metadata: { colour: 'red', sizes: [1, 2] },
  scheduledAt: soon,
}

test('what an update leaves out stays as it is', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant, whole)
  const before = await readOne(gateway, tenant, { id })

  const renamed = succeeded(await updateOne(gateway, tenant, id, { title: 'Renamed' }))
  expect(renamed.queuedWriteId).toBeNull()
  const after = await readOne(gateway, tenant, { id })
  expect(after).toEqual({ ...before, title: 'Renamed', version: 2 })
  expect(after?.body?.raw).toBe('Whole body')

  await updateOne(gateway, tenant, id, { title: null, tags: null, metadata: null, body: null })
  expect(await readOne(gateway, tenant, { id })).toEqual(after)

  await updateOne(gateway, tenant, id, { tags: [], scheduledAt: null, platforms: ['LINKEDIN'] })
  expect(await readOne(gateway, tenant, { id })).toEqual({
    ...after,
    version: 3,
    tags: [],
    scheduledAt: null,
    platforms: ['LINKEDIN'],
  })
  await expectIntact(gateway)
})

test('a change of metadata stores a history entry and nothing else', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant, whole)
  const before = await readOne(gateway, tenant, { id })
  gateway.zerodb.calls.length = 0

  const { content } = succeeded(
    await updateOne(gateway, tenant, id, { title: 'B', metadata: { a: 1 }, body: whole.body }),
  )

  expect(gateway.zerodb.calls.map(({ operation, table }) => ({ operation, table }))).toEqual([
    { operation: 'insert', table: 'content_versions' },
  ])
  expect(content).toMatchObject({ version: 2, title: 'B', metadata: { a: 1 } })
  expect(content.storage).toEqual(before?.storage)
  await expectIntact(gateway)
})

test('a new body and its history entry are on their way to ZeroDB at the same time', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  gateway.zerodb.calls.length = 0
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 400 })

  const update = updateOne(gateway, tenant, id, { body: text('Another body') })
  const unanswered = () => gateway.zerodb.calls.filter(({ status }) => status === null)
  await vi.waitUntil(() => unanswered().length === 2, { interval: 5 })

  expect(insertsOf(gateway)).toEqual(['content_items', 'content_versions'])
  expect(succeeded(await update).content).toMatchObject({ version: 2 })
  expect(gateway.zerodb.calls.filter(({ status }) => status === null)).toEqual([])
  expect(gateway.zerodb.calls).toHaveLength(2)
  expect((await readOne(gateway, tenant, { id }))?.body?.raw).toBe('Another body')
  await expectIntact(gateway)
})

test('an update that changes nothing makes no version and asks nothing of ZeroDB', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant, whole)
  gateway.zerodb.calls.length = 0

  for (const fields of [whole, {}, { title: ' Whole ' }, { metadataPatch: [] }]) {
    const { content } = succeeded(await updateOne(gateway, tenant, id, fields))
    expect(content.version).toBe(1)
  }

  expect(gateway.zerodb.calls).toEqual([])
  expect(await historyOf(gateway, tenant, id)).toHaveLength(1)
  await expectIntact(gateway)
})

test('a writer who has seen an earlier version changes nothing, and is told of the current one', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)

  const second = await updateOne(gateway, tenant, id, { title: 'Second', expectedVersion: 1 })
  expect(succeeded(second).content.version).toBe(2)
  for (const title of ['Third', 'Second']) {
    const late = await updateOne(gateway, tenant, id, { title, expectedVersion: 1 })
    expect(late).toMatchObject({
      __typename: 'ConflictError',
      code: 'CONFLICT',
      message:
        'The content is at version 2 by now. Read it again, and repeat the change on top of that.',
      currentVersion: 2,
      current: { id, title: 'Second', version: 2 },
    })
  }
  expect(await readOne(gateway, tenant, { id })).toMatchObject({ title: 'Second', version: 2 })
  await expectIntact(gateway)
})

test('of writers who have all seen the same version one wins; others lose no change', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  const names = ['a', 'b', 'c', 'd']

  const seen = await Promise.all(
    names.map((title) => updateOne(gateway, tenant, id, { title, expectedVersion: 1 })),
  )
  const types = seen.map(({ __typename }) => __typename).toSorted()
  expect(types).toEqual(['ConflictError', 'ConflictError', 'ConflictError', 'ContentSuccess'])

  const unseen = await Promise.all([
    updateOne(gateway, tenant, id, { tags: ['one'] }),
    updateOne(gateway, tenant, id, { mentions: ['@two'] }),
  ])
  for (const result of unseen) succeeded(result)
  expect(await readOne(gateway, tenant, { id })).toMatchObject({
    version: 4,
    tags: ['one'],
    mentions: ['@two'],
  })
  await expireLeases(gateway)
  await gateway.sweep()
  await expectIntact(gateway)
})

test("a repeat under its key gets the first call's result, although that made its version outdated", async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant, { metadata: { n: 1 } })
  const once = {
    expectedVersion: 1,
    idempotencyKey: 'once',
    metadataPatch: [
      { op: 'test', path: '/n', value: 1 },
      { op: 'replace', path: '/n', value: 2 },
    ],
  }

  for (let repeat = 0; repeat < 3; repeat++) {
    const { content } = succeeded(await updateOne(gateway, tenant, id, once))
    expect(content).toMatchObject({ version: 2, metadata: { n: 2 } })
  }
  expect(await updateOne(gateway, tenant, id, { ...once, title: 'Other' })).toMatchObject({
    __typename: 'ValidationError',
    code: 'VALIDATION',
  })
  const other = { title: 'Other', idempotencyKey: 'once' }
  expect(await updateOne(gateway, tenant, id, other)).toMatchObject({
    __typename: 'ValidationError',
    code: 'IDEMPOTENCY_MISMATCH',
    path: ['input', 'idempotencyKey'],
    message: expect.stringContaining('choose a new key') as string,
  })
  expect(await historyOf(gateway, tenant, id)).toHaveLength(2)
  await expectIntact(gateway)
})

test('a JSON patch changes metadata in place, on top of what else the update says', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant, { metadata: { a: 1, list: [1, 2], gone: true } })
  const patch = async (metadataPatch: unknown[], metadata?: unknown) => {
    const result = await updateOne(gateway, tenant, id, { metadataPatch, metadata })
    return succeeded(result).content.metadata
  }

  expect(
    await patch([
      { op: 'test', path: '/a', value: 1 },
      { op: 'replace', path: '/a', value: { deep: [null] } },
      { op: 'add', path: '/list/-', value: 3 },
      { op: 'add', path: '/a~1b~0c', value: 'escaped' },
      { op: 'remove', path: '/gone' },
      { op: 'copy', from: '/list/0', path: '/first' },
      { op: 'move', from: '/list/1', path: '/second' },
    ]),
  ).toEqual({ a: { deep: [null] }, list: [1, 3], 'a/b~c': 'escaped', first: 1, second: 2 })
  expect(await patch([{ op: 'replace', path: '', value: { fresh: 1 } }])).toEqual({ fresh: 1 })
  expect(await patch([{ op: 'add', path: '/b', value: 2 }], { only: 1 })).toEqual({ only: 1, b: 2 })
  expect(await historyOf(gateway, tenant, id)).toHaveLength(4)
  await expectIntact(gateway)
})

const misfits: Record<string, { patch: unknown[]; issue: object }> = {
  'a test that fails': {
    patch: [
      { op: 'add', path: '/b', value: 1 },
      { op: 'test', path: '/a', value: 'other' },
    ],
    issue: { path: ['input', 'metadataPatch', '1'], code: 'PATCH_FAILED' },
  },
  'a removal of what is not there': {
    patch: [{ op: 'remove', path: '/nothing' }],
    issue: { path: ['input', 'metadataPatch', '0'], code: 'PATCH_FAILED' },
  },
  'a place in nothing': {
    patch: [{ op: 'add', path: '/no/where', value: 1 }],
    issue: { path: ['input', 'metadataPatch', '0'], code: 'PATCH_FAILED' },
  },
  'an addition without a value': {
    patch: [{ op: 'add', path: '/b' }],
    issue: { path: ['input', 'metadataPatch', '0'], code: 'PATCH_FAILED' },
  },
  'a move from nowhere': {
    patch: [{ op: 'move', path: '/b' }],
    issue: { path: ['input', 'metadataPatch', '0'], code: 'PATCH_FAILED' },
  },
  'a removal of everything': {
    patch: [{ op: 'remove', path: '' }],
    issue: { path: ['input', 'metadataPatch'] },
  },
  'a move of everything into itself': {
    patch: [{ op: 'move', from: '', path: '/b' }],
    issue: { path: ['input', 'metadataPatch', '0'], code: 'PATCH_FAILED' },
  },
  'a new length for a list': {
    patch: [
      { op: 'add', path: '/list', value: [1] },
      { op: 'replace', path: '/list/length', value: 4_000_000_000 },
    ],
    issue: { path: ['input', 'metadataPatch', '1'], code: 'PATCH_FAILED' },
  },
  'a place beyond the end of a list': {
    patch: [
      { op: 'add', path: '/list', value: [1] },
      { op: 'add', path: '/list/2', value: 1 },
    ],
    issue: { path: ['input', 'metadataPatch', '1'], code: 'PATCH_FAILED' },
  },
  'metadata that are no object': {
    patch: [{ op: 'replace', path: '', value: [] }],
    issue: { path: ['input', 'metadataPatch'] },
  },
  'an operation that is none': {
    patch: [{ op: 'increment', path: '/a' }],
    issue: { path: ['input', 'metadataPatch', '0', 'op'] },
  },
  'a path that is no pointer': {
    patch: [{ op: 'add', path: 'a', value: 1 }],
    issue: { path: ['input', 'metadataPatch', '0', 'path'] },
  },
  'too many operations': {
    patch: Array.from({ length: 101 }, () => ({ op: 'test', path: '/a', value: 1 })),
    issue: { path: ['input', 'metadataPatch'], code: 'TOO_BIG' },
  },
  'copies that double with every operation': {
    patch: Array.from({ length: 100 }, (_, index) => ({
      op: 'copy',
      from: '',
      path: `/${index}`,
    })),
    issue: { code: 'PATCH_FAILED' },
  },
}

test.for(Object.entries(misfits))(
  'a JSON patch with %s is refused with its place, and changes nothing',
  async ([, { patch, issue }]) => {
    await using gateway = await startGateway()
    const tenant = await gateway.newTenant()
    const id = await newContent(gateway, tenant, { metadata: { a: 1 } })

    const refused = await updateOne(gateway, tenant, id, { metadataPatch: patch, title: 'New' })

    expect(refused).toMatchObject({ __typename: 'ValidationError', issues: [issue] })
    expect(await readOne(gateway, tenant, { id })).toMatchObject({
      version: 1,
      metadata: { a: 1 },
      title: 'A title',
    })
  },
)

test('a JSON patch cannot reach what all objects share', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const metadata = { a: {}, list: [1], text: 'x' }
  const id = await newContent(gateway, tenant, { metadata })
  const roots = ['', '/a', '/toString', '/list/push', '/text/trim']
  const pointers = [
    '/x',
    '/__proto__',
    '/__proto__/x',
    '/constructor/prototype/x',
    '/constructor/x',
  ]
  for (const path of roots.flatMap((root) => pointers.map((pointer) => root + pointer))) {
    for (const op of ['add', 'replace', 'copy', 'move', 'remove']) {
      const metadataPatch = [{ op, path, from: '/a', value: { x: 'polluted' } }]
      const result = await updateOne(gateway, tenant, id, { metadataPatch })
      expect({ op, path, type: result.__typename }).toEqual({
        op,
        path,
        type: expect.stringMatching(/^(ContentSuccess|ValidationError)$/) as string,
      })
      const shared = [{}, Object, Object.prototype.toString, [].push, ''.trim]
      expect(shared.some((one) => 'x' in one)).toBe(false)
      await updateOne(gateway, tenant, id, { metadata })
    }
  }
  await expectIntact(gateway)
})

test('the history tells each change in a line, its own or the given one, and as a JSON patch', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant, { metadata: { a: 1 } })
  await updateOne(gateway, tenant, id, { title: 'B', tags: ['x'] })
  await updateOne(gateway, tenant, id, {
    metadataPatch: [{ op: 'add', path: '/b', value: 2 }],
    changesSummary: ' For the spring campaign ',
  })
  await updateOne(gateway, tenant, id, { metadata: { c: 3 } })

  expect(await historyOf(gateway, tenant, id)).toEqual([
    {
      versionNumber: 4,
      changeType: 'UPDATE',
      changesSummary: 'Changed metadata.',
      diffFromPrevious: [{ op: 'replace', path: '/metadata/custom', value: { c: 3 } }],
    },
    {
      versionNumber: 3,
      changeType: 'UPDATE',
      changesSummary: 'For the spring campaign',
      diffFromPrevious: [{ op: 'replace', path: '/metadata/custom', value: { a: 1, b: 2 } }],
    },
    {
      versionNumber: 2,
      changeType: 'UPDATE',
      changesSummary: 'Changed title, tags.',
      diffFromPrevious: [
        { op: 'replace', path: '/title', value: 'B' },
        { op: 'replace', path: '/metadata/tags', value: ['x'] },
      ],
    },
    { versionNumber: 1, changeType: 'CREATE', changesSummary: 'Created.', diffFromPrevious: null },
  ])
  const long = await updateOne(gateway, tenant, id, { changesSummary: 'x'.repeat(501) })
  expect(long).toMatchObject({ issues: [{ path: ['input', 'changesSummary'], code: 'TOO_BIG' }] })
})

test('two updates in one operation each answer the content as they left it', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  const { data } = await gateway.query<Record<string, unknown>, object>(
    tenant,
    `mutation {
      first: updateContent(input: { ref: { id: "${id}" }, title: "First" }) { ...Result }
      second: updateContent(
        input: { ref: { id: "${id}" }, title: "Second", body: { format: TEXT, raw: "New" } }
      ) { ...Result }
      third: publishContent(ref: { id: "${id}" }) { ...Result }
    }
    fragment Result on UpdateContentResult {
      ... on ContentSuccess { content { title version status body { raw } } }
    }`,
  )
  const content = (title: string, version: number, raw: string, status = 'DRAFT') => ({
    content: { title, version, status, body: { raw } },
  })
  expect(data).toEqual({
    first: content('First', 2, 'A body'),
    second: content('Second', 3, 'New'),
    third: content('Second', 4, 'New', 'PUBLISHED'),
  })
})

/** A token of the tenant's owner for less than an owner may do. */
function narrowed(gateway: TestGateway, tenant: TestTenant, scopes: Scope[]): Promise<string> {
  return gateway.signToken({ subject: 'owner@test', tenantId: tenant.id, scope: scopes.join(' ') })
}

test('who may write but not publish neither brings a content online nor takes it off', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const writer = await narrowed(gateway, tenant, [
    'CONTENT_READ',
    'CONTENT_READ_DRAFT',
    'CONTENT_WRITE',
  ])
  const draft = await newContent(gateway, tenant)
  const published = await newContent(gateway, tenant, { status: 'PUBLISHED' })
  const scheduled = await newContent(gateway, tenant, { status: 'SCHEDULED', scheduledAt: soon })
  const sooner = new Date(Date.now() + 60_000).toISOString()

  const refused = [
    updateOne(gateway, writer, draft, { status: 'PUBLISHED' }),
    updateOne(gateway, writer, draft, { status: 'SCHEDULED', scheduledAt: soon }),
    updateOne(gateway, writer, published, { status: 'DRAFT' }),
    updateOne(gateway, writer, published, { status: 'ARCHIVED' }),
    updateOne(gateway, writer, scheduled, { status: 'DRAFT' }),
    updateOne(gateway, writer, scheduled, { scheduledAt: sooner }),
  ]
  for (const result of await Promise.all(refused)) {
    expect(result).toMatchObject({
      __typename: 'ForbiddenError',
      code: 'FORBIDDEN',
      requiredScopes: ['CONTENT_PUBLISH'],
      message: expect.stringContaining('takes the scope CONTENT_PUBLISH') as string,
    })
  }
  const born = { title: 'New', body: text(''), status: 'PUBLISHED' as const }
  expect(await createOne(gateway, writer, born)).toMatchObject({
    message: 'To change whether or when a content is online takes the scope CONTENT_PUBLISH.',
  })
  const allowed = [
    updateOne(gateway, writer, draft, { status: 'ARCHIVED' }),
    updateOne(gateway, writer, published, { title: 'Still online' }),
    updateOne(gateway, writer, scheduled, { title: 'Still to come', scheduledAt: soon }),
  ]
  for (const result of await Promise.all(allowed)) {
    expect(succeeded(result).content.version).toBe(2)
  }
  await expectIntact(gateway)
})

test('a content in the trash, out of reach or of another tenant is not found', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant()
  const trashed = await newContent(gateway, tenant)
  succeeded(await deleteOne(gateway, tenant, { id: trashed }))
  const foreign = await newContent(gateway, other)
  const hidden = await newContent(gateway, tenant, brandOf(tenant))
  await gateway.database.admin.query('delete from brand_members where tenant_id = $1', [tenant.id])

  for (const id of [trashed, foreign, hidden]) {
    expect(await updateOne(gateway, tenant.tokens.editor, id, { title: 'Mine' })).toEqual({
      __typename: 'NotFoundError',
      code: 'NOT_FOUND',
      message: 'Content not found. Check the id; what is there may also be out of your reach.',
      path: ['input'],
    })
  }
  expect(succeeded(await updateOne(gateway, tenant, hidden, {})).content.version).toBe(1)
})

test('a body may grow as far as the plan goes, and gives bytes back when it shrinks', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const id = await newContent(gateway, tenant, { body: text('x'.repeat(100)) })
  await plantUsage(gateway, tenant, { total_media_storage_bytes: bytesPerGb - 1_000 })

  const grown = await updateOne(gateway, tenant, id, { body: text('y'.repeat(1_000)) })
  expect(succeeded(grown).content.storage.sizeBytes).toBe('1000')
  expect(await accountOf(gateway, tenant)).toMatchObject({ used: 1_000, reserved: 0, items: 1 })

  expect(await updateOne(gateway, tenant, id, { body: text('z'.repeat(1_001)) })).toMatchObject({
    __typename: 'QuotaExceededError',
    code: 'QUOTA_EXCEEDED',
    message: 'Storage limit exceeded. Your Free plan allows 1 GB. Current usage: 1.00 GB.',
  })
  expect(await readOne(gateway, tenant, { id })).toMatchObject({ version: 2 })
  expect(await accountOf(gateway, tenant)).toMatchObject({ used: 1_000, reserved: 0 })

  succeeded(await updateOne(gateway, tenant, id, { body: text('z'.repeat(400)) }))
  const stored = 100 + 1_000 + 400
  expect(await accountOf(gateway, tenant)).toEqual({ used: 400, reserved: 0, items: 1, stored })
  await plantUsage(gateway, tenant, { total_media_storage_bytes: 0 })
  await expectIntact(gateway)
})

test('parallel growth cannot pass the limit together', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const ids: string[] = []
  for (let n = 0; n < 6; n++) ids.push(await newContent(gateway, tenant, { body: text('x') }))
  await plantUsage(gateway, tenant, { total_media_storage_bytes: bytesPerGb - 306 })

  const results = await Promise.all(
    ids.map((id) => updateOne(gateway, tenant, id, { body: text('y'.repeat(101)) })),
  )

  const types = results.map(({ __typename }) => __typename)
  expect(types.filter((type) => type === 'ContentSuccess')).toHaveLength(3)
  expect(types.filter((type) => type === 'QuotaExceededError')).toHaveLength(3)
  expect(await accountOf(gateway, tenant)).toMatchObject({ used: 306, reserved: 0 })
  await plantUsage(gateway, tenant, { total_media_storage_bytes: 0 })
  await expectIntact(gateway)
})
