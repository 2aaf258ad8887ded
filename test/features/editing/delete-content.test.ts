import { expect, test } from 'vitest'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { accountOf, insertsOf, outboxOf } from '../../support/facts.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { expectIntact } from '../../support/integrity.ts'
import {
  createOne,
  deleteOne,
  draft,
  historyOf,
  newContent,
  readOne,
  succeeded,
  undeleteOne,
  updateOne,
} from '../../support/writes.ts'
import { plantUsage } from '../quota/plants.ts'

const text = (raw: string) => ({ format: 'TEXT' as const, raw })
const externalRef = { system: 'cms', id: '1' }
const day = 86_400_000

const trashDocument = graphql(`
  query TrashForTest($id: ID!, $deleted: DeletedMode!) {
    contents(deleted: $deleted) {
      nodes {
        id
        deletedAt
      }
      totalCount {
        value
      }
    }
    node(id: $id) {
      ... on Content {
        id
        deletedAt
      }
    }
  }
`)

async function look(
  gateway: TestGateway,
  who: TestTenant | string,
  id: string,
  deleted: 'EXCLUDE' | 'ONLY' = 'EXCLUDE',
) {
  const { data, errors } = await gateway.query(who, trashDocument, { id, deleted })
  expect(errors).toBeUndefined()
  return { listed: data?.contents.nodes, count: data?.contents.totalCount?.value, node: data?.node }
}

test('what is deleted is out of every list, and known by its id to whoever sees drafts', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant, { status: 'PUBLISHED', externalRef })
  const kept = await newContent(gateway, tenant)
  const reader = await gateway.signToken({
    subject: 'viewer@test',
    tenantId: tenant.id,
    scope: 'CONTENT_READ',
  })
  expect((await look(gateway, reader, id)).listed).toEqual([{ id, deletedAt: null }])

  const deleted = succeeded(await deleteOne(gateway, tenant, { id }))

  const { deletedAt } = deleted
  expect(deleted.id).toBe(id)
  expect(await look(gateway, tenant, id)).toEqual({
    listed: [{ id: kept, deletedAt: null }],
    count: 1,
    node: { id, deletedAt },
  })
  expect(await look(gateway, tenant, id, 'ONLY')).toEqual({
    listed: [{ id, deletedAt }],
    count: 1,
    node: { id, deletedAt },
  })
  for (const ref of [{ id }, { externalRef }]) {
    expect(await readOne(gateway, tenant, ref)).toBeNull()
  }
  expect(await readOne(gateway, tenant, { id }, true)).toMatchObject({
    deletedAt,
    recoverableUntil: deleted.recoverableUntil,
    body: { raw: 'A body' },
  })
  for (const mode of ['EXCLUDE', 'ONLY'] as const) {
    expect(await look(gateway, reader, id, mode)).toEqual({ listed: [], count: 0, node: null })
  }
  expect(await readOne(gateway, reader, { id }, true)).toBeNull()
  await expectIntact(gateway)
})

test('bytes are given back at once, and counted again when the content comes back', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const body = text('x'.repeat(1_000))
  const id = await newContent(gateway, tenant, { body })
  const live = { used: 1_000, reserved: 0, items: 1, stored: 1_000 }
  expect(await accountOf(gateway, tenant)).toEqual(live)

  succeeded(await deleteOne(gateway, tenant, { id }))
  expect(await accountOf(gateway, tenant)).toEqual({ ...live, used: 0, items: 0 })
  const { content } = succeeded(await undeleteOne(gateway, tenant, id))
  expect(content).toMatchObject({ deletedAt: null, recoverableUntil: null, version: 3 })
  expect(await accountOf(gateway, tenant)).toEqual(live)
  expect(await look(gateway, tenant, id)).toMatchObject({ listed: [{ id }], count: 1 })

  expect(await outboxOf(gateway, tenant)).toEqual(['upsert', 'delete', 'upsert'])
  const history = await historyOf(gateway, tenant, id)
  expect(history.map(({ changeType, changesSummary }) => [changeType, changesSummary])).toEqual([
    ['RESTORE', 'Taken out of the trash.'],
    ['DELETE', 'Deleted.'],
    ['CREATE', 'Created.'],
  ])
  await expectIntact(gateway)
})

test('what no longer fits stays in the trash', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const id = await newContent(gateway, tenant, { body: text('x'.repeat(1_000)) })
  succeeded(await deleteOne(gateway, tenant, { id }))
  await plantUsage(gateway, tenant, { total_media_storage_bytes: bytesPerGb - 999 })

  expect(await undeleteOne(gateway, tenant, id)).toMatchObject({
    __typename: 'QuotaExceededError',
    code: 'QUOTA_EXCEEDED',
  })
  expect(await readOne(gateway, tenant, { id })).toBeNull()
  expect(await accountOf(gateway, tenant)).toMatchObject({ used: 0, reserved: 0, items: 0 })
  await plantUsage(gateway, tenant, { total_media_storage_bytes: bytesPerGb - 1_000 })
  succeeded(await undeleteOne(gateway, tenant, id))
  await plantUsage(gateway, tenant, { total_media_storage_bytes: 0 })
  await expectIntact(gateway)
})

test('what comes back meets the content that has its external reference now', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant, { externalRef })
  succeeded(await deleteOne(gateway, tenant, { externalRef }))
  const heir = await newContent(gateway, tenant, { externalRef, title: 'The heir' })
  gateway.zerodb.calls.length = 0

  expect(await undeleteOne(gateway, tenant, id)).toMatchObject({
    __typename: 'ConflictError',
    message:
      'A content with the external reference "cms:1" exists already. Update that one, or use another reference.',
    currentVersion: 1,
    current: { id: heir, title: 'The heir' },
  })
  // Another attempt would meet the same.
  expect(insertsOf(gateway)).toEqual(['content_versions'])
  expect(await accountOf(gateway, tenant)).toMatchObject({ reserved: 0, items: 1 })
  succeeded(await deleteOne(gateway, tenant, { id: heir }))
  succeeded(await undeleteOne(gateway, tenant, id))
  expect(await readOne(gateway, tenant, { externalRef })).toMatchObject({ id })
})

const retention = { free: 30, starter: 90, professional: 365, business: 1_826 } as const

test('how long the trash is kept is a matter of the plan', async () => {
  await using gateway = await startGateway()
  for (const [planTier, days] of Object.entries(retention)) {
    const tenant = await gateway.newTenant({ planTier: planTier as keyof typeof retention })
    const id = await newContent(gateway, tenant)
    const { deletedAt, recoverableUntil } = succeeded(await deleteOne(gateway, tenant, { id }))
    expect(Date.parse(recoverableUntil ?? '') - Date.parse(deletedAt)).toBe(days * day)
  }
  const tenant = await gateway.newTenant({ planTier: 'enterprise' })
  const id = await newContent(gateway, tenant)
  expect(succeeded(await deleteOne(gateway, tenant, { id })).recoverableUntil).toBeNull()
})

test('to delete again, or to bring back what is there, changes nothing', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)

  const first = await deleteOne(gateway, tenant, { id })
  expect(await deleteOne(gateway, tenant, { id })).toEqual(first)
  expect(await accountOf(gateway, tenant)).toMatchObject({ used: 0, items: 0 })
  const back = await undeleteOne(gateway, tenant, id)
  expect(await undeleteOne(gateway, tenant, id)).toEqual(back)
  expect(await historyOf(gateway, tenant, id)).toHaveLength(3)
  await expectIntact(gateway)
})

test('a deletion by external reference gets its answer again under its key', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await newContent(gateway, tenant, { externalRef })
  const once = { idempotencyKey: 'once', expectedVersion: 1 }

  const first = await deleteOne(gateway, tenant, { externalRef }, once)
  expect(succeeded(first).id).toBeDefined()
  expect(await deleteOne(gateway, tenant, { externalRef }, once)).toEqual(first)
  // Whoever has the reference now has nothing to do with that call.
  const heir = await newContent(gateway, tenant, { externalRef })
  expect(await deleteOne(gateway, tenant, { externalRef }, once)).toEqual(first)
  expect(await readOne(gateway, tenant, { id: heir })).toMatchObject({ version: 1 })
  await deleteOne(gateway, tenant, { externalRef })
  expect(await deleteOne(gateway, tenant, { externalRef })).toMatchObject({
    __typename: 'NotFoundError',
  })
  await expectIntact(gateway)
})

test('a deletion sees the version its caller has seen', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  succeeded(await updateOne(gateway, tenant, id, { title: 'Second' }))

  expect(await deleteOne(gateway, tenant, { id }, { expectedVersion: 1 })).toMatchObject({
    __typename: 'ConflictError',
    currentVersion: 2,
  })
  succeeded(await deleteOne(gateway, tenant, { id }, { expectedVersion: 2 }))
  expect((await createOne(gateway, tenant, draft())).__typename).toBe('ContentSuccess')
})

test('what was online comes back online only for whoever may publish', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant, { status: 'PUBLISHED' })
  succeeded(await deleteOne(gateway, tenant, { id }))
  const scope = 'CONTENT_READ CONTENT_READ_DRAFT CONTENT_DELETE'
  const janitor = await gateway.signToken({ subject: 'owner@test', tenantId: tenant.id, scope })

  expect(await undeleteOne(gateway, janitor, id)).toMatchObject({
    __typename: 'ForbiddenError',
    requiredScopes: ['CONTENT_PUBLISH'],
  })

  expect(succeeded(await undeleteOne(gateway, tenant, id)).content.status).toBe('PUBLISHED')
})
