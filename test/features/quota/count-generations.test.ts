import { expect, test } from 'vitest'
import { countGenerations } from '../../../src/features/quota/count-generations.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'

function count({ services: { database } }: TestGateway, { id }: TestTenant, items: number) {
  return database.transaction(id, (tx) => countGenerations(tx, id, items))
}

async function generatedThisMonth(gateway: TestGateway, tenant: TestTenant) {
  const { data } = await gateway.query<{ quota: { limits: unknown } }, object>(
    tenant,
    '{ quota { limits { generatedThisMonth monthlyGenerationLimit } } }',
  )
  return data?.quota.limits
}

test('fifty parallel claims of one to three items never pass the plan, and fill it', async () => {
  await using gateway = await startGateway({
    DATABASE_POOL_SIZE: '20',
    DATABASE_ACQUIRE_TIMEOUT_MS: '20000',
  })
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const claims = Array.from({ length: 50 }, (_, n) => [1, 2, 3, 3, 2][n % 5] ?? 0)
  const wanted = claims.reduce((sum, items) => sum + items, 0)
  expect(wanted).toBeGreaterThan(100)

  const granted = await Promise.all(claims.map((items) => count(gateway, tenant, items)))

  const total = claims.reduce((sum, items, n) => sum + (granted[n] ? items : 0), 0)
  expect(total).toBeLessThanOrEqual(100)
  expect(await generatedThisMonth(gateway, tenant)).toEqual({
    generatedThisMonth: total,
    monthlyGenerationLimit: 100,
  })
  // What is left is less than the largest claim; single items fill it to the last.
  expect(100 - total).toBeLessThan(3)
  const single = await Promise.all(Array.from({ length: 5 }, () => count(gateway, tenant, 1)))
  expect(single.filter(Boolean)).toHaveLength(100 - total)
  expect(await generatedThisMonth(gateway, tenant)).toMatchObject({ generatedThisMonth: 100 })
})

test('the first claim of a month is held to the plan too', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })

  expect(await count(gateway, tenant, 101)).toBe(false)
  expect(await generatedThisMonth(gateway, tenant)).toMatchObject({ generatedThisMonth: 0 })
  expect(await count(gateway, tenant, 100)).toBe(true)
  expect(await count(gateway, tenant, 1)).toBe(false)
})

test('each month begins at zero', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  await count(gateway, tenant, 100)
  await gateway.database.admin.query(
    `update generation_usage set month = month - interval '1 month'`,
  )

  expect(await generatedThisMonth(gateway, tenant)).toMatchObject({ generatedThisMonth: 0 })
  expect(await count(gateway, tenant, 60)).toBe(true)
  expect(await generatedThisMonth(gateway, tenant)).toMatchObject({ generatedThisMonth: 60 })
})

test('tenants count for themselves, and Enterprise without an end', async () => {
  await using gateway = await startGateway()
  const free = await gateway.newTenant({ planTier: 'free' })
  const enterprise = await gateway.newTenant({ planTier: 'enterprise' })

  expect(await count(gateway, enterprise, 1_000_000)).toBe(true)
  expect(await count(gateway, enterprise, 1_000_000)).toBe(true)
  expect(await count(gateway, free, 100)).toBe(true)
  expect(await generatedThisMonth(gateway, enterprise)).toEqual({
    generatedThisMonth: 2_000_000,
    monthlyGenerationLimit: null,
  })
})
