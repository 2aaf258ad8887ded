import { expect, test } from 'vitest'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { accountOf, insertsOf } from '../../support/facts.ts'
import { startGateway } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import {
  deleteOne,
  historyOf,
  newContent,
  publishOne,
  readOne,
  restoreOne,
  succeeded,
  updateOne,
} from '../../support/writes.ts'
import { plantUsage } from '../quota/plants.ts'

const text = (raw: string) => ({ format: 'TEXT' as const, raw })

/** As long as the longest articles, in characters of one to four bytes. */
const article = Array.from(
  { length: 12_500 },
  (_, line) => `${line}. Ein Satz mit Umlauten: äöüß, 漢字, 🎈 und "Zeichen" <b>.\r\n`,
).join('')

test('the first of twenty versions comes back to the byte, without its body being stored again', async () => {
  expect(Buffer.byteLength(article)).toBeGreaterThan(850_000)
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const first = {
    title: 'The first',
    body: { format: 'MARKDOWN' as const, raw: article },
    platforms: ['WEB' as const],
    tags: ['one'],
    hashtags: ['#one'],
    mentions: ['@one'],
    metadata: { colour: 'red', deep: { list: [1, null, 'ä'] } },
  }
  const id = await newContent(gateway, tenant, { ...first, type: 'ARTICLE' })
  const original = await readOne(gateway, tenant, { id })
  for (let edit = 1; edit <= 20; edit++) {
    const fields = { title: `Edit ${edit}`, body: text(`Body ${edit}`), tags: [`${edit}`] }
    succeeded(await updateOne(gateway, tenant, id, { ...fields, metadata: { edit } }))
  }
  const { publishedAt } = succeeded(await publishOne(gateway, tenant, id)).content
  await using other = await gateway.startTwin()
  gateway.zerodb.calls.length = 0

  const restored = succeeded(await restoreOne(other, tenant, id, 1, { expectedVersion: 22 }))

  expect(insertsOf(gateway)).toEqual(['content_versions'])
  expect(restored.version).toEqual({
    versionNumber: 23,
    changeType: 'RESTORE',
    changesSummary: 'Restored version 1.',
    restoredFrom: { versionNumber: 1 },
  })
  await using reader = await gateway.startTwin()
  expect(await readOne(reader, tenant, { id })).toEqual({
    ...original,
    version: 23,
    // Whether it is public is not a matter of what it says.
    status: 'PUBLISHED',
    publishedAt,
  })
  expect(restored.content.storage.zerodbId).toBe(original?.storage.zerodbId)
  const stored = Buffer.byteLength(article) + Buffer.byteLength('Body n') * 9 + 7 * 11
  const used = Buffer.byteLength(article)
  expect(await accountOf(gateway, tenant)).toEqual({ used, reserved: 0, items: 1, stored })
  await expectIntact(gateway)
})

test('where a content belongs stays as it is, and a summary may be given', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const externalRef = { system: 'cms', id: '1' }
  const id = await newContent(gateway, tenant, { externalRef, title: 'First' })
  succeeded(await updateOne(gateway, tenant, id, { title: 'Second' }))

  const summary = ' Second was a mistake '
  const once = { summary, idempotencyKey: 'once', expectedVersion: 2 }
  for (let repeat = 0; repeat < 2; repeat++) {
    const { version, content } = succeeded(await restoreOne(gateway, tenant, id, 1, once))
    expect(version).toMatchObject({ versionNumber: 3, changesSummary: 'Second was a mistake' })
    expect(content.title).toBe('First')
  }
  expect(await readOne(gateway, tenant, { externalRef })).toMatchObject({ id, version: 3 })
  // To restore what is there already changes nothing.
  expect(succeeded(await restoreOne(gateway, tenant, id, 3)).version.versionNumber).toBe(3)
  expect(await historyOf(gateway, tenant, id)).toHaveLength(3)
  await expectIntact(gateway)
})

test('what cannot be restored is refused with the reason', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  succeeded(await updateOne(gateway, tenant, id, { body: text('Second') }))
  succeeded(await updateOne(gateway, tenant, id, { body: text('Third') }))

  for (const version of [0, -1, 4, 2_147_483_647]) {
    expect(await restoreOne(gateway, tenant, id, version)).toMatchObject({
      __typename: 'NotFoundError',
      message: `Version ${version} of this content not found. Check the id; what is there may also be out of your reach.`,
      path: ['version'],
    })
  }
  expect(await restoreOne(gateway, tenant, id, 1, { expectedVersion: 2 })).toMatchObject({
    __typename: 'ConflictError',
    currentVersion: 3,
  })
  expect(await restoreOne(gateway, tenant, id, 1, { summary: '' })).toMatchObject({
    __typename: 'ValidationError',
    issues: [{ path: ['summary'] }],
  })
  expect(await restoreOne(gateway, tenant.tokens.viewer, id, 1)).toMatchObject({
    __typename: 'ForbiddenError',
    requiredScopes: ['VERSION_RESTORE'],
  })
  await gateway.database.admin.query(
    'update content_versions set expired_at = now() where version_number = 1',
  )
  expect(await restoreOne(gateway, tenant, id, 1)).toMatchObject({
    __typename: 'ConflictError',
    message: 'Version 1 has expired: your plan keeps it no longer. Restore a later one.',
    currentVersion: 3,
  })
  succeeded(await deleteOne(gateway, tenant, { id }))
  expect(await restoreOne(gateway, tenant, id, 2)).toMatchObject({ __typename: 'NotFoundError' })
  await gateway.database.admin.query('update content_versions set expired_at = null')
  await expectIntact(gateway)
})

test('while ZeroDB is away nothing is restored', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  succeeded(await updateOne(gateway, tenant, id, { body: text('Second') }))
  for (const operation of ['*', 'insert'] as const) {
    await using struck = await gateway.startTwin({ LOG_LEVEL: 'silent' })
    gateway.zerodb.faults.add({ operation, kind: 'reset' })
    expect(await restoreOne(struck, tenant, id, 1)).toMatchObject({
      __typename: 'StorageUnavailableError',
      store: 'ZERODB',
      message: expect.stringContaining('Nothing was changed; try again.') as string,
    })
    gateway.zerodb.faults.clear()
    expect(await readOne(gateway, tenant, { id })).toMatchObject({ version: 2 })
  }
  succeeded(await restoreOne(gateway, tenant, id, 1))
})

test('what comes back must have room', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const id = await newContent(gateway, tenant, { body: text('x'.repeat(1_000)) })
  succeeded(await updateOne(gateway, tenant, id, { body: text('short') }))
  await plantUsage(gateway, tenant, { total_media_storage_bytes: bytesPerGb - 999 })

  expect(await restoreOne(gateway, tenant, id, 1)).toMatchObject({
    __typename: 'QuotaExceededError',
  })
  expect(await accountOf(gateway, tenant)).toMatchObject({ used: 5, reserved: 0 })
  await plantUsage(gateway, tenant, { total_media_storage_bytes: bytesPerGb - 1_000 })
  succeeded(await restoreOne(gateway, tenant, id, 1))
  expect(await accountOf(gateway, tenant)).toMatchObject({ used: 1_000, reserved: 0 })
  await plantUsage(gateway, tenant, { total_media_storage_bytes: 0 })
  await expectIntact(gateway)
})
