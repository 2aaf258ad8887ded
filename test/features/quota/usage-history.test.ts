import { expect, test } from 'vitest'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { createOne, draft } from '../../support/writes.ts'
import { plantUsage, plantWrite } from './plants.ts'

const historyDocument = graphql(`
  query UsageHistoryForTest($from: DateTime!, $to: DateTime!) {
    quota {
      history(range: { from: $from, to: $to }) {
        at
        bytes
        items
      }
    }
  }
`)

const projectedDocument = graphql(`
  query ProjectedFullAtForTest {
    quota {
      projectedFullAt
    }
  }
`)

const dayMs = 86_400_000

/** The instant `days` ago, in a form for variables and for SQL. */
const daysAgo = (days: number) => new Date(Date.now() - days * dayMs).toISOString()

async function historyOf(gateway: TestGateway, tenant: TestTenant, from: string, to: string) {
  const { data, errors } = await gateway.query(tenant, historyDocument, { from, to })
  if (!data?.quota) throw new Error(JSON.stringify(errors))
  return data.quota.history
}

async function fullAt(gateway: TestGateway, tenant: TestTenant) {
  const { data, errors } = await gateway.query(tenant, projectedDocument)
  if (!data?.quota) throw new Error(JSON.stringify(errors))
  const { projectedFullAt } = data.quota
  return projectedFullAt === null ? null : new Date(projectedFullAt).getTime()
}

test('history has a point per day with the sums at its end', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const plant = (at: string, bytes: number, items: number) =>
    plantWrite(gateway, tenant, { at, bytes, items })
  await plant('2025-12-31T12:00:00Z', 1_000, 1)
  await plant('2026-03-01T00:00:00.000Z', 100, 1)
  await plant('2026-03-01T23:59:59.999Z', 10, 1)
  await plant('2026-03-03T00:00:00.000Z', -50, -1)
  await plant('2026-03-04T00:00:00.000Z', 7, 1)

  const history = await historyOf(gateway, tenant, '2026-02-28T18:00:00Z', '2026-03-04T00:00:00Z')

  expect(history).toEqual([
    { at: '2026-02-28T00:00:00.000Z', bytes: '1000', items: 1 },
    { at: '2026-03-01T00:00:00.000Z', bytes: '1110', items: 3 },
    { at: '2026-03-02T00:00:00.000Z', bytes: '1110', items: 3 },
    { at: '2026-03-03T00:00:00.000Z', bytes: '1060', items: 2 },
  ])
})

test('history goes up to today, with what was written just now', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createOne(gateway, tenant, draft({ body: { format: 'TEXT', raw: '12345' } }))

  const history = await historyOf(gateway, tenant, daysAgo(2), daysAgo(-100))

  expect(history.slice(-2)).toEqual([
    { at: `${daysAgo(1).slice(0, 10)}T00:00:00.000Z`, bytes: '0', items: 0 },
    { at: `${daysAgo(0).slice(0, 10)}T00:00:00.000Z`, bytes: '5', items: 1 },
  ])
  expect(history).toHaveLength(3)
  expect(await historyOf(gateway, tenant, daysAgo(-2), daysAgo(-5))).toEqual([])
})

test('a range of 400 days is answered, a longer or a reversed one is refused', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const to = '2026-11-01T00:00:00.000Z'
  const before = (ms: number) => new Date(Date.parse(to) - ms).toISOString()

  expect(await historyOf(gateway, tenant, before(400 * dayMs), to)).toHaveLength(400)
  for (const from of [before(400 * dayMs + 1), to, before(-1)]) {
    const { data, errors } = await gateway.query(tenant, historyDocument, { from, to })
    expect(data).toEqual({ quota: null })
    expect(errors?.map(({ extensions }) => extensions?.['code'])).toEqual(['BAD_USER_INPUT'])
  }
})

test('storage is projected to be full when growth goes on', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  await gateway.database.admin.query(
    `update tenants set created_at = now() - interval '1 year' where id = $1`,
    [tenant.id],
  )
  // 300 MiB in 30 days, and 324 MiB are left: 32.4 days more. What came before does not count.
  const mib = 1024 ** 2
  await plantWrite(gateway, tenant, { bytes: 400 * mib, items: 1, at: daysAgo(31) })
  await plantWrite(gateway, tenant, { bytes: 400 * mib, items: 1, at: daysAgo(29) })
  await plantWrite(gateway, tenant, { bytes: -100 * mib, items: -1, at: daysAgo(3) })
  await plantUsage(gateway, tenant, { total_storage_bytes: 700 * mib })

  const expected = Date.now() + 32.4 * dayMs
  expect(Math.abs(((await fullAt(gateway, tenant)) ?? 0) - expected)).toBeLessThan(dayMs / 24)
})

test('a young tenant’s growth is measured over its life', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  await gateway.database.admin.query(
    `update tenants set created_at = now() - interval '5 days' where id = $1`,
    [tenant.id],
  )
  await plantWrite(gateway, tenant, { bytes: bytesPerGb / 2, items: 1, at: daysAgo(1) })
  await plantUsage(gateway, tenant, { total_storage_bytes: bytesPerGb / 2 })

  const expected = Date.now() + 5 * dayMs
  expect(Math.abs(((await fullAt(gateway, tenant)) ?? 0) - expected)).toBeLessThan(dayMs / 24)
})

test('nothing is projected without growth, without a limit, or for a century', async () => {
  await using gateway = await startGateway()
  const at = daysAgo(1)
  const idle = await gateway.newTenant()
  const shrinking = await gateway.newTenant()
  await plantWrite(gateway, shrinking, { bytes: -5, items: -1, at })
  const unlimited = await gateway.newTenant({ planTier: 'enterprise' })
  await plantWrite(gateway, unlimited, { bytes: bytesPerGb, items: 1, at })
  const slow = await gateway.newTenant({ planTier: 'business' })
  await plantWrite(gateway, slow, { bytes: 1, items: 1, at })

  for (const tenant of [idle, shrinking, unlimited, slow]) {
    expect(await fullAt(gateway, tenant)).toBeNull()
  }
})
