import { expect, test } from 'vitest'
import { watchRejections } from '../../../src/features/quota/watch-rejections.ts'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { createMany, createOne, draft } from '../../support/writes.ts'
import { alertsOf, plantUsage } from './plants.ts'

const hundred = () => draft({ body: { format: 'TEXT' as const, raw: 'x'.repeat(100) } })

async function rejectionsOf({ database }: TestGateway, { id }: TestTenant) {
  const { rows } = await database.admin.query(
    `select plan_tier as tier, rejections from quota_rejections where tenant_id = $1 order by 1`,
    [id],
  )
  return rows
}

/** A tenant of the free plan with room for so many bodies of a hundred bytes. */
async function nearlyFull(gateway: TestGateway, bodies: number): Promise<TestTenant> {
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const used = bytesPerGb - 100 * bodies
  await plantUsage(gateway, tenant, { total_media_storage_bytes: used })
  return tenant
}

test('each write that the limit refuses is counted once, however many are refused at once', async () => {
  await using gateway = await startGateway()
  const tenant = await nearlyFull(gateway, 3)

  const answers = await Promise.all(
    Array.from({ length: 25 }, () => createOne(gateway, tenant, hundred())),
  )
  const names = answers.map(({ __typename }) => __typename)
  const refused = names.filter((name) => name === 'QuotaExceededError').length
  expect(refused).toBe(22)
  expect(await rejectionsOf(gateway, tenant)).toEqual([{ tier: 'free', rejections: 22 }])

  await createMany(gateway, tenant, [hundred(), hundred()], 'REJECT_FAILED')
  expect(await rejectionsOf(gateway, tenant)).toEqual([{ tier: 'free', rejections: 24 }])
  // All or nothing is refused as one.
  await createMany(gateway, tenant, [hundred(), hundred()], 'REJECT_ALL')
  expect(await rejectionsOf(gateway, tenant)).toEqual([{ tier: 'free', rejections: 25 }])
})

test('what is not refused for want of room is not counted', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 2)
  await createOne(gateway, tenant, { ...hundred(), title: '' })
  expect(await rejectionsOf(gateway, tenant)).toEqual([])
})

test('the eleventh rejection of a day is an alert, which is over with the day', async () => {
  await using gateway = await startGateway()
  const tenant = await nearlyFull(gateway, 0)
  for (let n = 0; n < 10; n++) await createOne(gateway, tenant, hundred())
  await watchRejections(gateway.services)
  const kinds = async () =>
    (await alertsOf(gateway, tenant)).filter(({ kind }) => kind === 'QUOTA_REJECTIONS')
  expect(await kinds()).toEqual([])

  await createOne(gateway, tenant, hundred())
  await watchRejections(gateway.services)
  const alert = { kind: 'QUOTA_REJECTIONS', threshold: '10 a day', value: '11' }
  expect(await kinds()).toEqual([{ ...alert, resolved: false }])
  await createOne(gateway, tenant, hundred())
  await watchRejections(gateway.services)
  expect(await kinds()).toEqual([{ ...alert, value: '12', resolved: false }])

  await gateway.database.admin.query(`update quota_rejections set day = day - 1`)
  await watchRejections(gateway.services)
  expect(await kinds()).toEqual([{ ...alert, value: '12', resolved: true }])
})
