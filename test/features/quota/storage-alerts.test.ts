import { expect, test } from 'vitest'
import { settleStorage } from '../../../src/features/quota/storage-usage.ts'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { createOne, draft, upsertOne } from '../../support/writes.ts'
import { alertsOf, plantUsage } from './plants.ts'

const ref = { externalRef: { system: 'cms', id: '1' } }
const sized = (bytes: number) =>
  draft({ ...ref, body: { format: 'TEXT' as const, raw: 'x'.repeat(bytes) } })

/** The first whole byte at which a free plan is critical. */
const critical = Math.ceil(0.85 * bytesPerGb)

test('an alert opens when a write reaches 85 %, and is over when one comes back below', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  await plantUsage(gateway, tenant, { total_media_storage_bytes: critical - 100 })

  await createOne(gateway, tenant, sized(99))
  expect(await alertsOf(gateway, tenant)).toEqual([])
  await upsertOne(gateway, tenant, ref, sized(100))
  const alert = { kind: 'STORAGE_USAGE', threshold: '85%', value: '85%' }
  expect(await alertsOf(gateway, tenant)).toEqual([{ ...alert, resolved: false }])
  await upsertOne(gateway, tenant, ref, sized(500))
  expect(await alertsOf(gateway, tenant)).toEqual([{ ...alert, resolved: false }])
  await upsertOne(gateway, tenant, ref, sized(99))
  expect(await alertsOf(gateway, tenant)).toEqual([{ ...alert, resolved: true }])
  await upsertOne(gateway, tenant, ref, sized(100))
  expect(await alertsOf(gateway, tenant)).toEqual([
    { ...alert, resolved: true },
    { ...alert, resolved: false },
  ])
})

test('deleting ends the alert, and bringing back opens another', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  await plantUsage(gateway, tenant, { total_media_storage_bytes: critical - 103 })
  await createOne(gateway, tenant, sized(100))

  await gateway.query(tenant, `mutation { deleteContent(ref: { id: "${id}" }) { __typename } }`)
  expect(await alertsOf(gateway, tenant)).toMatchObject([{ resolved: true }])
  await gateway.query(tenant, `mutation { undeleteContent(id: "${id}") { __typename } }`)
  expect(await alertsOf(gateway, tenant)).toMatchObject([{ resolved: true }, { resolved: false }])
})

test('the alert says how much is used', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'starter' })
  await settle(gateway, tenant, 8 * bytesPerGb)
  await settle(gateway, tenant, 1.12 * bytesPerGb)
  expect(await alertsOf(gateway, tenant)).toMatchObject([{ threshold: '85%', value: '91.2%' }])
})

test('parallel writes across the line open one alert', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  await plantUsage(gateway, tenant, { total_media_storage_bytes: critical - 50 })

  await Promise.all(
    Array.from({ length: 20 }, () =>
      createOne(gateway, tenant, draft({ body: { format: 'TEXT', raw: 'x'.repeat(10) } })),
    ),
  )

  expect(await alertsOf(gateway, tenant)).toMatchObject([{ resolved: false }])
})

test('an Enterprise tenant never raises the alert', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'enterprise' })
  await settle(gateway, tenant, 10_000 * bytesPerGb)
  expect(await alertsOf(gateway, tenant)).toEqual([])
})

test('counters never fall below zero', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await settle(gateway, tenant, 10)
  await settle(gateway, tenant, -11)
  expect(await accountOf(gateway, tenant)).toMatchObject({ bytes: '0', items: '0', stored: '0' })
})

test('the sequence grows with every reservation and every settlement', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createOne(gateway, tenant, draft())
  expect(await accountOf(gateway, tenant)).toMatchObject({ sequence: '2' })
  await createOne(gateway, tenant, draft())
  expect(await accountOf(gateway, tenant)).toMatchObject({ sequence: '4' })
})

/** As a write would that grows usage by so many bytes, and by one item. */
function settle({ services }: TestGateway, { id }: TestTenant, bytes: number) {
  const growth = Math.round(bytes)
  const change = { reserved: 0, growth, items: Math.sign(growth), stored: growth }
  return services.database.transaction(id, (tx) => settleStorage(tx, id, change))
}

async function accountOf({ database }: TestGateway, { id }: TestTenant) {
  const { rows } = await database.admin.query<Record<string, string>>(
    `select total_storage_bytes as bytes, total_content_items as items,
       stored_body_bytes as stored, sequence from content_storage_usage where tenant_id = $1`,
    [id],
  )
  return rows[0]
}
