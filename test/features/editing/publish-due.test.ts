import { expect, test, vi } from 'vitest'
import { drainQueue } from '../../../src/features/writing/drain-queue.ts'
import { publishDue } from '../../../src/features/editing/publish-due.ts'
import { decodeGlobalId } from '../../../src/graphql/global-id.ts'
import { auditOf, outboxOf } from '../../support/facts.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { expectIntact, expireLeases } from '../../support/integrity.ts'
import {
  deleteOne,
  historyOf,
  newContent,
  publishOne,
  readOne,
  scheduleOne,
} from '../../support/writes.ts'

const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()

const work = ({ services }: TestGateway) =>
  publishDue({ ...services, signal: AbortSignal.timeout(10_000) })

/** As if the hours had passed: `column` is a minute ago. */
async function makeDue(
  { database }: TestGateway,
  ids: readonly string[],
  column: 'scheduled_at' | 'unpublish_at',
): Promise<void> {
  await database.admin.query(
    `update content_items set ${column} = now() - interval '1 minute' where id = any($1::uuid[])`,
    [ids.map((id) => decodeGlobalId(id).id)],
  )
}

test('what is due goes online once, however many workers see it', async () => {
  await using gateway = await startGateway()
  await using second = await gateway.startTwin()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant()
  const ids: string[] = []
  for (const owner of [tenant, tenant, tenant, other]) {
    const id = await newContent(gateway, owner)
    await scheduleOne(gateway, owner, id, { at: inHours(1) })
    ids.push(id)
  }
  const later = await newContent(gateway, tenant)
  await scheduleOne(gateway, tenant, later, { at: inHours(1) })
  await makeDue(gateway, ids, 'scheduled_at')
  // Both are at it when neither has stored anything.
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 200 })

  await Promise.all([work(gateway), work(second)])
  gateway.zerodb.faults.clear()
  await work(gateway)

  for (const [index, id] of ids.entries()) {
    const owner = index === 3 ? other : tenant
    const content = await readOne(gateway, owner, { id })
    expect(content).toMatchObject({ status: 'PUBLISHED', version: 3, scheduledAt: null })
    expect(content?.publishedAt).not.toBeNull()
    const [latest, ...earlier] = await historyOf(gateway, owner, id)
    expect(latest).toMatchObject({
      changeType: 'PUBLISH',
      changesSummary: 'Published as scheduled.',
    })
    expect(earlier).toHaveLength(2)
  }
  expect(await readOne(gateway, tenant, { id: later })).toMatchObject({ status: 'SCHEDULED' })
  const own = (await auditOf(gateway, tenant)).filter(({ actor }) => actor === null)
  const event = { action: 'publishScheduled', actor: null, requestId: 'task:publishDue' }
  expect(own).toEqual([event, event, event])
  await expireLeases(gateway)
  await gateway.sweep()
  await expectIntact(gateway)
})

test('what has had its time goes off again, and what is in the trash stays as it is', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const ids = [await newContent(gateway, tenant), await newContent(gateway, tenant)]
  const [id = '', trashed = ''] = ids
  for (const one of ids) {
    await scheduleOne(gateway, tenant, one, { at: inHours(1), unpublishAt: inHours(2) })
    await publishOne(gateway, tenant, one)
  }
  await deleteOne(gateway, tenant, { id: trashed })
  await work(gateway)
  expect(await readOne(gateway, tenant, { id })).toMatchObject({ status: 'PUBLISHED', version: 3 })
  await makeDue(gateway, ids, 'unpublish_at')

  await work(gateway)
  await work(gateway)

  expect(await readOne(gateway, tenant, { id })).toMatchObject({
    status: 'DRAFT',
    version: 4,
    publishedAt: null,
    unpublishAt: null,
  })
  const [latest] = await historyOf(gateway, tenant, id)
  expect(latest).toMatchObject({
    changeType: 'UPDATE',
    changesSummary: 'Unpublished as scheduled.',
  })
  expect((await auditOf(gateway, tenant)).at(-1)).toMatchObject({ action: 'unpublishScheduled' })
  expect(await readOne(gateway, tenant, { id: trashed }, true)).toMatchObject({ version: 4 })
  await expectIntact(gateway)
})

test('what missed its whole time goes online and off again, and both are known', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  await scheduleOne(gateway, tenant, id, { at: inHours(1), unpublishAt: inHours(2) })
  await makeDue(gateway, [id], 'scheduled_at')
  await makeDue(gateway, [id], 'unpublish_at')

  for (let pass = 0; pass < 3; pass++) await work(gateway)

  expect(await readOne(gateway, tenant, { id })).toMatchObject({ status: 'DRAFT', version: 4 })
  const history = await historyOf(gateway, tenant, id)
  expect(history.slice(0, 2).map(({ changesSummary }) => changesSummary)).toEqual([
    'Unpublished as scheduled.',
    'Published as scheduled.',
  ])
})

test('while ZeroDB is away publication is on time, and its history follows', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const id = await newContent(gateway, tenant)
  await scheduleOne(gateway, tenant, id, { at: inHours(1) })
  await makeDue(gateway, [id], 'scheduled_at')
  await using worker = await gateway.startTwin({ LOG_LEVEL: 'silent' })
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })

  await work(worker)

  const page = await worker.query<{ contents: { nodes: unknown[] } }, object>(
    tenant,
    '{ contents(where: { status: [PUBLISHED] }) { nodes { title status version } } }',
  )
  expect(page.data?.contents.nodes).toEqual([{ title: 'A title', status: 'PUBLISHED', version: 3 }])

  gateway.zerodb.faults.clear()
  await vi.waitFor(() => drainQueue({ ...worker.services, signal: AbortSignal.timeout(5_000) }), {
    timeout: 8_000,
    interval: 100,
  })
  const [latest] = await historyOf(gateway, tenant, id)
  expect(latest).toMatchObject({ versionNumber: 3, changesSummary: 'Published as scheduled.' })
  expect(await outboxOf(gateway, tenant)).toEqual(['upsert', 'upsert', 'upsert'])
  await expectIntact(gateway)
})
