import { expect, test } from 'vitest'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { plantMinute } from '../../support/alerts.ts'
import { createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { plantUsage, plantWrite } from '../quota/plants.ts'

const dashboardDocument = graphql(`
  query Dashboard($range: DateRangeInput!) {
    opsDashboard {
      storageByTenant {
        tenant {
          databaseId
        }
        bytes
        percent
      }
      contentCreationRate {
        at
        value
      }
      zerodbLatency(range: $range) {
        at
        p50Ms
        p95Ms
        p99Ms
        requests
        failures
      }
      stores {
        store
        state
      }
      backup {
        percentSynced
        unsyncedCount
      }
      quotaRejectionRate {
        planTier
        rejections
        attempts
        rate
      }
    }
  }
`)

const dayMs = 86_400_000
/** 41.2 % of what a starter may store. */
const stored = Math.floor(4.12 * bytesPerGb)

function lastHour() {
  const to = new Date(Date.now() + 60_000)
  return { from: new Date(to.getTime() - 3_600_000).toISOString(), to: to.toISOString() }
}

async function plantRejections({ database }: TestGateway, tenant: TestTenant, rows: object[]) {
  await database.admin.query(
    `insert into quota_rejections (tenant_id, day, plan_tier, rejections)
     select $1, (now() at time zone 'UTC')::date - ago, tier, times
     from jsonb_to_recordset($2) as r (ago integer, tier text, times integer)`,
    [tenant.id, JSON.stringify(rows)],
  )
}

test('the dashboard shows what is there, of the own tenant alone', async () => {
  await using gateway = await startGateway()
  const [own, other] = [
    await gateway.newTenant({ planTier: 'starter' }),
    await gateway.newTenant({ planTier: 'starter' }),
  ]
  const ids = await createTestContents(gateway, own, 4)
  await createTestContents(gateway, other, 3)
  await plantUsage(gateway, own, { total_storage_bytes: stored })
  const deleted = `mutation { deleteContent(ref: { id: "${ids[0]}" }) { __typename } }`
  await gateway.query(own, deleted)
  await plantUsage(gateway, own, { total_storage_bytes: stored })
  await gateway.database.admin.query(
    `update content_items set created_at = now() - interval '2 days'
     where tenant_id = $1 and id = (select max(id::text)::uuid from content_items where tenant_id = $1)`,
    [own.id],
  )
  await plantRejections(gateway, own, [
    { ago: 0, tier: 'starter', times: 4 },
    { ago: 6, tier: 'free', times: 2 },
    { ago: 7, tier: 'free', times: 100 },
  ])
  await plantRejections(gateway, other, [{ ago: 0, tier: 'free', times: 50 }])
  // Eight days ago: of no rate.
  const at = new Date(Date.now() - 8 * dayMs).toISOString()
  await plantWrite(gateway, own, { bytes: 10, items: 1, at })
  await plantMinute(gateway, { ago: 3, requests: 10, failures: 1, p95Ms: 40 })
  await plantMinute(gateway, { ago: 3, requests: 5, p95Ms: 60 })
  await plantMinute(gateway, { ago: 1, requests: 7, p95Ms: 30 })
  await plantMinute(gateway, { ago: 300, requests: 7, p95Ms: 30 })

  const { data, errors } = await gateway.query(own, dashboardDocument, { range: lastHour() })

  expect(errors).toBeUndefined()
  const dashboard = data?.opsDashboard
  expect(dashboard).toMatchObject({
    storageByTenant: [{ tenant: { databaseId: own.id }, bytes: String(stored), percent: 41.2 }],
    zerodbLatency: [
      { p50Ms: 30, p95Ms: 60, p99Ms: 120, requests: 15, failures: 1 },
      { p50Ms: 15, p95Ms: 30, p99Ms: 60, requests: 7, failures: 0 },
    ],
    stores: [{ store: 'ZERODB' }, { store: 'POSTGRES' }, { store: 'BIGQUERY', state: 'DISABLED' }],
    backup: { percentSynced: 0, unsyncedCount: 5 },
    quotaRejectionRate: [
      { planTier: 'FREE', rejections: 2, attempts: 2, rate: 1 },
      { planTier: 'STARTER', rejections: 4, attempts: 8, rate: 0.5 },
    ],
  })
  expect(dashboard?.contentCreationRate.map(({ value }) => value)).toEqual([0, 0, 0, 0, 1, 0, 3])
  const today = `${new Date().toISOString().slice(0, 10)}T00:00:00.000Z`
  expect(dashboard?.contentCreationRate.at(-1)?.at).toBe(today)
})

test('a week of minutes becomes three hundred points at most, and loses none', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await gateway.database.admin.query(`
    insert into stores.zerodb_minutes
    select date_trunc('minute', now()) - make_interval(mins => n), gen_random_uuid(), 2, 0, 0, 1, 2, 3
    from generate_series(1, 7 * 1440 - 10) n`)
  const to = new Date()
  const range = { from: new Date(to.getTime() - 7 * dayMs).toISOString(), to: to.toISOString() }
  const { data } = await gateway.query(tenant, dashboardDocument, { range })
  const points = data?.opsDashboard.zerodbLatency ?? []
  expect(points.length).toBeGreaterThan(250)
  expect(points.length).toBeLessThanOrEqual(300)
  expect(points.reduce((sum, { requests }) => sum + requests, 0)).toBe(2 * (7 * 1_440 - 10))
})

test('the whole dashboard takes as many round trips for much as for nothing', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const range = lastHour()
  await gateway.explain(tenant, dashboardDocument, { range })
  const empty = await gateway.explain(tenant, dashboardDocument, { range })
  await createTestContents(gateway, tenant, 30)
  await plantRejections(gateway, tenant, [{ ago: 0, tier: 'free', times: 3 }])
  for (let ago = 1; ago < 50; ago++) await plantMinute(gateway, { ago, requests: 5 })
  const full = await gateway.explain(tenant, dashboardDocument, { range })
  expect({ ...full, nodes: empty.nodes }).toEqual(empty)
  expect(full.postgres).toBe(2)
})

test('what is asked for stays within bounds', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const long = `{ from: "2026-01-01T00:00:00Z", to: "2026-01-09T00:00:00Z" }`
  for (const field of [
    'contentCreationRate(days: 0) { at }',
    'contentCreationRate(days: 91) { at }',
    'storageByTenant(first: 0) { bytes }',
    `zerodbLatency(range: ${long}) { at }`,
  ]) {
    const { errors } = await gateway.query(tenant, `{ opsDashboard { ${field} } }`)
    expect(errors?.map(({ extensions }) => extensions?.['code'])).toEqual(['BAD_USER_INPUT'])
  }
})
