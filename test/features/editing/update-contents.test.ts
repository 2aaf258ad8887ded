import { expect, test } from 'vitest'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { newId } from '../../../src/lib/id.ts'
import { createTestContents } from '../../support/contents.ts'
import { accountOf } from '../../support/facts.ts'
import { startGateway } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import { historyOf, readOne, succeeded, updateMany, updateOne } from '../../support/writes.ts'
import { plantUsage } from '../quota/plants.ts'

const text = (raw: string) => ({ format: 'TEXT' as const, raw })
const externalRef = { system: 'cms', id: '1' }

test('a batch changes what differs, in order, and leaves the rest', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const ids = await createTestContents(gateway, tenant, 3, (index) =>
    index === 1 ? { externalRef } : {},
  )
  const [first = '', second = '', third = ''] = ids

  const batch = succeeded(
    await updateMany(gateway, tenant, [
      { ref: { id: third }, title: 'Third' },
      { ref: { externalRef }, body: text('Second body') },
      { ref: { id: first }, title: 'Content 0' },
    ]),
  )

  expect(batch).toMatchObject({
    succeeded: 3,
    failed: 0,
    results: [
      { index: 0, content: { id: third, title: 'Third', version: 2 }, errors: [] },
      { index: 1, content: { id: second, version: 2 }, errors: [] },
      { index: 2, content: { id: first, version: 1 }, errors: [] },
    ],
  })
  expect((await readOne(gateway, tenant, { id: second }))?.body?.raw).toBe('Second body')
  expect(await historyOf(gateway, tenant, first)).toHaveLength(1)
  await expectIntact(gateway)
})

test('one bad item and nothing is changed, or with REJECT_FAILED the others are', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const ids = await createTestContents(gateway, tenant, 6)
  const [a = '', b = '', c = '', d = '', e = '', f = ''] = ids
  await plantUsage(gateway, tenant, { total_media_storage_bytes: bytesPerGb - 1_000 })
  succeeded(await updateOne(gateway, tenant, c, { title: 'Seen by nobody' }))
  const missing = encodeGlobalId('Content', newId())
  const bad = [
    { input: { ref: { id: b }, title: '' }, code: 'VALIDATION', at: ['title'] },
    { input: { ref: { id: c }, title: 'New', expectedVersion: 1 }, code: 'CONFLICT', at: [] },
    { input: { ref: { id: missing }, title: 'New' }, code: 'NOT_FOUND', at: [] },
    { input: { ref: { externalRef }, title: 'New' }, code: 'NOT_FOUND', at: [] },
    { input: { ref: { id: d }, body: text('x'.repeat(2_000)) }, code: 'QUOTA_EXCEEDED', at: [] },
    { input: { ref: { id: a }, title: 'Twice' }, code: 'VALIDATION', at: ['ref'] },
  ]
  const good = { ref: { id: a }, title: 'Good' }
  const before = await accountOf(gateway, tenant)

  for (const { input, code } of bad) {
    expect(await updateMany(gateway, tenant, [good, input])).toMatchObject({ code })
    expect(await readOne(gateway, tenant, { id: a })).toMatchObject({ version: 1 })
  }
  expect(await accountOf(gateway, tenant)).toEqual(before)

  const inputs = [good, ...bad.map(({ input }) => input), { ref: { id: e }, body: text('E') }]
  const batch = succeeded(await updateMany(gateway, tenant, inputs, 'REJECT_FAILED'))
  expect({ succeeded: batch.succeeded, failed: batch.failed }).toEqual({ succeeded: 2, failed: 6 })
  expect(batch.results.map(({ content }) => content?.version ?? null)).toEqual([
    2,
    ...bad.map(() => null),
    2,
  ])
  for (const [index, { code, at }] of bad.entries()) {
    const errors = batch.results[index + 1]?.errors
    expect({ index, errors }).toMatchObject({ index, errors: [{ code }] })
    expect(errors?.[0]?.path).toEqual(['inputs', String(index + 1), ...at])
  }
  for (const [id, version] of [
    [b, 1],
    [c, 2],
    [d, 1],
    [f, 1],
  ] as const) {
    expect(await readOne(gateway, tenant, { id })).toMatchObject({ version })
  }
  expect(await accountOf(gateway, tenant)).toMatchObject({ reserved: 0, items: 6 })
  await plantUsage(gateway, tenant, { total_media_storage_bytes: 0 })
  await expectIntact(gateway)
})

test('the same content twice is one mistake, whichever way it is named', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1, () => ({ externalRef }))

  const twice = [
    { ref: { id }, title: 'One' },
    { ref: { externalRef }, title: 'Two' },
  ]
  expect(await updateMany(gateway, tenant, twice)).toMatchObject({
    __typename: 'ValidationError',
    issues: [{ path: ['inputs', '1', 'ref'], code: 'DUPLICATE' }],
    message: expect.stringContaining('put both changes into one item') as string,
  })
  expect(await readOne(gateway, tenant, { id })).toMatchObject({ version: 1 })
})

test('a repeated batch finds each of its items done', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const ids = await createTestContents(gateway, tenant, 3)
  const inputs = ids.map((id, index) => ({
    ref: { id },
    title: `New ${index}`,
    expectedVersion: 1,
    idempotencyKey: `key ${index}`,
  }))
  const first = await updateMany(gateway, tenant, inputs.slice(0, 2))
  expect(succeeded(first).succeeded).toBe(2)

  const whole = succeeded(await updateMany(gateway, tenant, inputs))

  expect(whole.results.map(({ content }) => content?.version)).toEqual([2, 2, 2])
  for (const id of ids) expect(await historyOf(gateway, tenant, id)).toHaveLength(2)
  await expectIntact(gateway)
})

test('more than a hundred at a time are refused, and the way out is named', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const inputs = Array.from({ length: 101 }, () => ({ ref: { externalRef }, title: 'New' }))
  const call = updateMany(gateway, tenant, inputs)
  await expect(call).rejects.toThrow(/at most 100 contents; send the rest in another call/)
  expect(await updateMany(gateway, tenant, inputs.slice(1))).toMatchObject({ code: 'NOT_FOUND' })
  expect(succeeded(await updateMany(gateway, tenant, []))).toMatchObject({
    succeeded: 0,
    failed: 0,
  })
})
