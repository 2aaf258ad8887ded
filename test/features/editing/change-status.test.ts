import { expect, test } from 'vitest'
import { drainQueue } from '../../../src/features/writing/drain-queue.ts'
import { insertsOf } from '../../support/facts.ts'
import { startGateway } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import {
  archiveOne,
  historyOf,
  newContent,
  publishOne,
  readOne,
  scheduleOne,
  succeeded,
  unpublishOne,
  updateOne,
} from '../../support/writes.ts'

const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()

test('a content goes online, into the drawer, online again with its first date, and back to work', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  gateway.zerodb.calls.length = 0

  const published = succeeded(await publishOne(gateway, tenant, id)).content
  expect(published).toMatchObject({ status: 'PUBLISHED', version: 2 })
  const { publishedAt } = published
  expect(Date.parse(publishedAt ?? '')).toBeGreaterThan(Date.now() - 60_000)
  const archived = succeeded(await archiveOne(gateway, tenant, id)).content
  expect(archived).toMatchObject({ status: 'ARCHIVED', publishedAt, version: 3 })
  const again = succeeded(await publishOne(gateway, tenant, id)).content
  expect(again).toMatchObject({ status: 'PUBLISHED', publishedAt, version: 4 })
  const draft = succeeded(await unpublishOne(gateway, tenant, id)).content
  expect(draft).toMatchObject({ status: 'DRAFT', publishedAt: null, version: 5 })

  expect(insertsOf(gateway)).toEqual(Array.from({ length: 4 }, () => 'content_versions'))
  const history = await historyOf(gateway, tenant, id)
  expect(history.map(({ changeType, changesSummary }) => [changeType, changesSummary])).toEqual([
    ['UPDATE', 'Unpublished.'],
    ['PUBLISH', 'Published.'],
    ['ARCHIVE', 'Archived.'],
    ['PUBLISH', 'Published.'],
    ['CREATE', 'Created.'],
  ])
  await expectIntact(gateway)
})

test('what is so already makes no version', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const at = inHours(1)
  const unpublishAt = inHours(2)
  const steps = [
    publishOne,
    archiveOne,
    unpublishOne,
    (...[api, who, id]: Parameters<typeof publishOne>) =>
      scheduleOne(api, who, id, { at, unpublishAt }),
  ]
  for (const step of steps) {
    const id = await newContent(gateway, tenant)
    const first = succeeded(await step(gateway, tenant, id)).content
    expect(succeeded(await step(gateway, tenant, id)).content).toEqual(first)
    expect(await historyOf(gateway, tenant, id)).toHaveLength(first.version)
  }
  await expectIntact(gateway)
})

test('a call that found nothing to do is remembered under its key: its repeat does nothing either', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant, { status: 'PUBLISHED' })
  const other = await newContent(gateway, tenant)
  const idempotencyKey = 'once'
  const first = succeeded(await publishOne(gateway, tenant, id, { idempotencyKey })).content
  expect(first).toMatchObject({ status: 'PUBLISHED', version: 1 })
  succeeded(await unpublishOne(gateway, tenant, id))

  const repeat = succeeded(await publishOne(gateway, tenant, id, { idempotencyKey })).content

  expect(repeat).toMatchObject({ status: 'DRAFT', version: 2 })
  expect(await publishOne(gateway, tenant, other, { idempotencyKey })).toMatchObject({
    code: 'IDEMPOTENCY_MISMATCH',
  })
  await expectIntact(gateway)
})

test('a schedule has its dates, and loses them when the content goes another way', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const dates = { at: inHours(1), unpublishAt: inHours(2) }
  const scheduled = {
    status: 'SCHEDULED',
    scheduledAt: dates.at,
    unpublishAt: dates.unpublishAt,
    publishedAt: null,
  }
  const never = { scheduledAt: null, unpublishAt: null }
  const ways = [
    // Online already, and to be taken off as planned.
    { go: publishOne, to: { status: 'PUBLISHED', ...never, unpublishAt: dates.unpublishAt } },
    { go: archiveOne, to: { status: 'ARCHIVED', ...never } },
    { go: unpublishOne, to: { status: 'DRAFT', ...never } },
  ]
  for (const { go, to } of ways) {
    const id = await newContent(gateway, tenant)
    const { content } = succeeded(await scheduleOne(gateway, tenant, id, dates))
    expect(content).toMatchObject(scheduled)
    expect(succeeded(await go(gateway, tenant, id)).content).toMatchObject(to)
    const [, version] = await historyOf(gateway, tenant, id)
    expect(version).toMatchObject({
      changeType: 'UPDATE',
      changesSummary: `Scheduled for ${dates.at} until ${dates.unpublishAt}.`,
    })
  }
  await expectIntact(gateway)
})

test('an update that takes a content off its schedule takes the date of its end too', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  for (const status of ['DRAFT', 'ARCHIVED'] as const) {
    const id = await newContent(gateway, tenant)
    await scheduleOne(gateway, tenant, id, { at: inHours(1), unpublishAt: inHours(2) })
    const { content } = succeeded(await updateOne(gateway, tenant, id, { status }))
    expect(content).toMatchObject({ status, unpublishAt: null })
  }
  await expectIntact(gateway)
})

test('an update cannot move a start behind the end', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  await scheduleOne(gateway, tenant, id, { at: inHours(1), unpublishAt: inHours(2) })

  expect(await updateOne(gateway, tenant, id, { scheduledAt: inHours(3) })).toMatchObject({
    __typename: 'ValidationError',
    issues: [{ path: ['input', 'scheduledAt'], code: 'AFTER_END' }],
    message: expect.stringContaining('use scheduleContent') as string,
  })
  const { content } = succeeded(await updateOne(gateway, tenant, id, { scheduledAt: inHours(1.5) }))
  expect(content).toMatchObject({ status: 'SCHEDULED', version: 3 })
  await expectIntact(gateway)
})

test('a date that has passed is refused, and the way out is named', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)

  expect(await scheduleOne(gateway, tenant, id, { at: inHours(-1) })).toMatchObject({
    __typename: 'ValidationError',
    issues: [{ path: ['at'], code: 'IN_THE_PAST' }],
    message: 'at: must be in the future; to publish now, use publishContent',
  })
  const backwards = { at: inHours(2), unpublishAt: inHours(1) }
  expect(await scheduleOne(gateway, tenant, id, backwards)).toMatchObject({
    __typename: 'ValidationError',
    issues: [{ path: ['unpublishAt'], code: 'BEFORE_START' }],
    message: 'unpublishAt: must be after `at`',
  })
  const both = { at: inHours(-2), unpublishAt: inHours(-3) }
  expect(await scheduleOne(gateway, tenant, id, both)).toMatchObject({
    issues: [{ code: 'IN_THE_PAST' }, { code: 'BEFORE_START' }],
  })
  expect(await readOne(gateway, tenant, { id })).toMatchObject({ status: 'DRAFT', version: 1 })
})

test('a repeat under its key gets the first answer, although the date has passed meanwhile', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  const at = new Date(Date.now() + 2_000).toISOString()
  const once = { at, idempotencyKey: 'once', expectedVersion: 1 }

  expect(succeeded(await scheduleOne(gateway, tenant, id, once)).content.version).toBe(2)
  await expect.poll(() => new Date().toISOString() > at, { timeout: 5_000 }).toBe(true)

  expect(succeeded(await scheduleOne(gateway, tenant, id, once)).content.version).toBe(2)
  expect((await scheduleOne(gateway, tenant, id, { at })).__typename).toBe('ValidationError')
  await expectIntact(gateway)
})

test('whoever has seen an earlier version changes no status', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  succeeded(await updateOne(gateway, tenant, id, { title: 'Second' }))
  const late = { expectedVersion: 1 }
  const results = [
    await publishOne(gateway, tenant, id, late),
    await unpublishOne(gateway, tenant, id, late),
    await archiveOne(gateway, tenant, id, late),
    await scheduleOne(gateway, tenant, id, { ...late, at: inHours(1) }),
  ]
  for (const result of results) {
    expect(result).toMatchObject({
      __typename: 'ConflictError',
      currentVersion: 2,
      current: { title: 'Second' },
    })
  }
  expect(succeeded(await publishOne(gateway, tenant, id, { expectedVersion: 2 }))).toBeDefined()
})

test('what is online is not put off by a schedule, but told how', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant, { status: 'PUBLISHED' })

  expect(await scheduleOne(gateway, tenant, id, { at: inHours(1) })).toMatchObject({
    __typename: 'ValidationError',
    message: expect.stringContaining('unpublish it first') as string,
  })

  expect(await readOne(gateway, tenant, { id })).toMatchObject({ status: 'PUBLISHED', version: 1 })
})

test('a content is taken offline at once although ZeroDB is away, if its history may wait', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant, { status: 'PUBLISHED' })
  gateway.zerodb.faults.add({ operation: '*', kind: 'status', status: 503 })
  const withdraw = `mutation ($ref: ContentRef!) {
    unpublishContent(ref: $ref, onUnavailable: QUEUE) {
      ... on ContentSuccess { queuedWriteId content { status version } }
    }
  }`

  const { data, errors } = await gateway.query(tenant, withdraw, { ref: { id } })

  expect(errors).toBeUndefined()
  expect(data).toEqual({
    unpublishContent: {
      queuedWriteId: expect.any(String),
      content: { status: 'DRAFT', version: 2 },
    },
  })
  gateway.zerodb.faults.clear()
  await using twin = await gateway.startTwin()
  await drainQueue({ ...twin.services, signal: AbortSignal.timeout(5_000) })
  expect(await historyOf(twin, tenant, id)).toHaveLength(2)
  await expectIntact(twin)
})
