import { expect, test } from 'vitest'
import { analyticsTable } from '../../../src/features/analytics/analytics-table.ts'
import { loadAnalytics } from '../../../src/features/analytics/load-analytics.ts'
import { decodeGlobalId } from '../../../src/graphql/global-id.ts'
import { createTestContents } from '../../support/contents.ts'
import { type CopiedGateway, startGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { loadMetrics, metricOf, queriesTo, warehouseOf } from '../../support/metrics.ts'

const week = { from: '2026-11-02T00:00:00Z', to: '2026-11-09T00:00:00Z' }

const readAnalytics = graphql(`
  query ReadAnalytics(
    $range: DateRangeInput!
    $platforms: [Platform!]
    $granularity: AnalyticsGranularity! = DAY
  ) {
    contents(first: 30, orderBy: [{ field: TITLE, direction: ASC }]) {
      nodes {
        title
        analytics(range: $range, platforms: $platforms, granularity: $granularity) {
          range
          totals {
            impressions
            clicks
            likes
            engagementRate
            ctr
            avgWatchTime
            conversions
            revenue
            custom
          }
          series {
            at
            platform
            totals {
              impressions
            }
          }
          byPlatform {
            platform
            totals {
              impressions
            }
          }
          freshAsOf
          bytesScanned
        }
      }
    }
  }
`)

type Variables = Parameters<typeof ask>[2]
const ask = (
  gateway: CopiedGateway,
  who: TestTenant | string,
  variables: {
    range: { from: string; to: string }
    platforms?: 'INSTAGRAM'[]
    granularity?: 'HOUR' | 'DAY' | 'WEEK' | 'MONTH'
  } = { range: week },
) => gateway.query(who, readAnalytics, variables)

async function firstOf(gateway: CopiedGateway, tenant: TestTenant, variables?: Variables) {
  const { data, errors } = await ask(gateway, tenant, variables)
  expect(errors).toBeUndefined()
  return data?.contents.nodes[0]?.analytics
}

test('a page of contents costs one query, whose rows add up by time and platform', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [one = '', two = ''] = await createTestContents(gateway, tenant, 3)
  const loaded = await loadMetrics(gateway, tenant, [
    metricOf(one, '2026-11-02', {
      impressions: 100,
      clicks: 10,
      likes: 4,
      shares: 1,
      avg_watch_time: 3,
      revenue: '0.100001',
      custom_metrics: { replays: 2, mood: 'good' },
    }),
    metricOf(one, '2026-11-02', { platform: 'FACEBOOK', impressions: 300, avg_watch_time: 7 }),
    metricOf(one, '2026-11-04', {
      impressions: 100,
      conversions: 2,
      revenue: 0.2,
      custom_metrics: { replays: 3 },
    }),
    metricOf(one, '2026-11-09', { impressions: 1_000 }),
    metricOf(two, '2026-11-08', { impressions: 7 }),
  ])
  expect(loaded).toBe('loaded')

  const { data, errors } = await ask(gateway, tenant)

  expect(errors).toBeUndefined()
  expect(queriesTo(gateway)).toHaveLength(1)
  const [first, second, third] = data?.contents.nodes.map(({ analytics }) => analytics) ?? []
  expect(first).toMatchObject({
    range: ['2026-11-02T00:00:00.000Z', '2026-11-09T00:00:00.000Z'],
    totals: {
      impressions: 500,
      clicks: 10,
      likes: 4,
      engagementRate: 0.01,
      ctr: 0.02,
      avgWatchTime: 6,
      conversions: 2,
      revenue: '0.300001',
      custom: { replays: 5 },
    },
    series: [
      { at: '2026-11-02T00:00:00.000Z', platform: null, totals: { impressions: 400 } },
      { at: '2026-11-04T00:00:00.000Z', platform: null, totals: { impressions: 100 } },
    ],
    byPlatform: [
      { platform: 'FACEBOOK', totals: { impressions: 300 } },
      { platform: 'INSTAGRAM', totals: { impressions: 200 } },
    ],
  })
  expect(Date.now() - Date.parse(String(first?.freshAsOf))).toBeLessThan(60_000)
  expect(Number(first?.bytesScanned)).toBeGreaterThan(0)
  expect(second?.totals).toMatchObject({ impressions: 7, revenue: null, custom: null })
  expect(third).toMatchObject({
    totals: { impressions: 0, ctr: null, engagementRate: null, avgWatchTime: null },
    series: [],
    byPlatform: [],
    freshAsOf: null,
  })
})

test('each distinct question is one query, wherever and however often it is asked', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 4)

  const { errors } = await gateway.query(
    tenant,
    graphql(`
      query AskTwice($range: DateRangeInput!) {
        a: contents(first: 2) {
          nodes {
            one: analytics(range: $range) {
              freshAsOf
            }
            same: analytics(range: $range, granularity: DAY) {
              freshAsOf
            }
            other: analytics(range: $range, platforms: [WEB]) {
              freshAsOf
            }
          }
        }
      }
    `),
    { range: week },
  )

  expect(errors).toBeUndefined()
  expect(queriesTo(gateway)).toHaveLength(2)
  const twice = await gateway.explain(tenant, readAnalytics, { range: week })
  expect(twice).toMatchObject({ bigquery: 1, zerodb: 0 })
})

test('platforms narrow, weeks begin on Mondays, and hours end where they are told to', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  await loadMetrics(gateway, tenant, [
    metricOf(id, '2026-10-31', { metric_hour: 23, impressions: 1 }),
    metricOf(id, '2026-11-01', { metric_hour: 9, impressions: 2 }),
    metricOf(id, '2026-11-02', { metric_hour: 10, impressions: 4 }),
    metricOf(id, '2026-11-02', { metric_hour: 11, impressions: 8 }),
    metricOf(id, '2026-11-02', { metric_hour: 11, platform: 'web', impressions: 16 }),
    metricOf(id, '2026-11-03', { impressions: 32 }),
  ])
  const series = async (
    granularity: 'HOUR' | 'DAY' | 'WEEK' | 'MONTH',
    from: string,
    to: string,
  ) => {
    const variables = { range: { from, to }, platforms: ['INSTAGRAM' as const], granularity }
    const analytics = await firstOf(gateway, tenant, variables)
    return analytics?.series.map(({ at, totals }) => [at.slice(0, 13), totals.impressions])
  }

  // The end is rounded up to the whole hour, or day.
  expect(await series('HOUR', '2026-11-01T09:59:00Z', '2026-11-02T10:01:00Z')).toEqual([
    ['2026-11-01T09', 2],
    ['2026-11-02T10', 4],
  ])
  expect(await series('DAY', '2026-11-01T09:59:00Z', '2026-11-02T10:01:00Z')).toEqual([
    ['2026-11-01T00', 2],
    ['2026-11-02T00', 12],
  ])
  expect(await series('WEEK', '2026-11-01T00:00:00Z', '2026-11-30T00:00:00Z')).toEqual([
    ['2026-10-26T00', 2],
    ['2026-11-02T00', 44],
  ])
  expect(await series('MONTH', '2026-10-01T00:00:00Z', '2026-11-30T00:00:00Z')).toEqual([
    ['2026-10-01T00', 1],
    ['2026-11-01T00', 46],
  ])
})

test('a correction replaces what it corrects, and the same rows again change nothing', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  const rows = [
    metricOf(id, '2026-11-02', { impressions: 100 }),
    metricOf(id, '2026-11-03', { impressions: 10 }),
  ]
  const impressions = async () => (await firstOf(gateway, tenant))?.totals.impressions

  expect(await loadMetrics(gateway, tenant, rows)).toBe('loaded')
  expect(await loadMetrics(gateway, tenant, rows)).toBe('there already')
  expect(await impressions()).toBe(110)
  const corrected = [metricOf(id, '2026-11-02', { impressions: 90 })]
  expect(await loadMetrics(gateway, tenant, corrected)).toBe('loaded')
  expect(await impressions()).toBe(100)
  // Another tool's counts of the same day stand beside them.
  await loadMetrics(gateway, tenant, [
    metricOf(id, '2026-11-02', { impressions: 5, source: 'tracker' }),
  ])
  expect(await impressions()).toBe(105)
})

test('rows that one dataset has are loaded into another one all the same', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  const rows = [metricOf(id, '2026-11-02', { impressions: 100 })]
  await loadMetrics(gateway, tenant, rows)
  await using twin = await gateway.startTwin({ BIGQUERY_DATASET: 'elsewhere' })
  const { bigquery, database } = twin.services
  if (!bigquery) throw new Error('This twin has no BigQuery.')
  for await (const _step of bigquery.setUp([analyticsTable]));

  const deps = { database, bigquery, signal: AbortSignal.timeout(10_000) }
  expect((await loadAnalytics(deps, tenant.id, rows)).outcome).toBe('loaded')
})

test('rows of another tenant count for nobody else, even under the same content id', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const [mine, other] = [await gateway.newTenant(), await gateway.newTenant()]
  const [id = ''] = await createTestContents(gateway, mine, 1)
  const row = {
    ...metricOf(id, '2026-11-02', { impressions: 1_000 }),
    metric_id: 'forged',
    tenant_id: other.id,
    ingested_at: new Date().toISOString(),
  }
  const body = [Buffer.from(JSON.stringify(row))]
  const job = { id: 'forged', body, maxBadRecords: 0 }
  await warehouseOf(gateway).load(analyticsTable, job, AbortSignal.timeout(5_000))

  expect((await firstOf(gateway, mine))?.totals.impressions).toBe(0)
  expect(queriesTo(gateway).map(({ tenant }) => tenant)).toEqual([mine.id])
  const foreign = await gateway.services.bigquery?.findLoad('forged', AbortSignal.timeout(5_000))
  expect(foreign).toEqual({ outputRows: 1 })
})

test('without BigQuery the field is null with an error at its path, and the list is whole', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 2)
  gateway.bigquery.faults.add({ kind: 'status', status: 503, operation: 'query' })

  const { data, errors } = await ask(gateway, tenant)

  expect(data?.contents.nodes).toEqual([
    { title: 'Content 0', analytics: null },
    { title: 'Content 1', analytics: null },
  ])
  expect(errors?.map(({ path, extensions }) => [path, extensions])).toEqual(
    [0, 1].map((index) => [
      ['contents', 'nodes', index, 'analytics'],
      { code: 'ANALYTICS_UNAVAILABLE', retryAfterMs: 1_000 },
    ]),
  )
})

test('what BigQuery refuses for good is not told as an outage that passes', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  gateway.bigquery.faults.add({ kind: 'status', status: 403, operation: 'query' })

  const { data, errors } = await ask(gateway, tenant)

  expect(data?.contents.nodes).toEqual([{ title: 'Content 0', analytics: null }])
  expect(errors?.[0]?.message).toContain('refuses the question')
  expect(errors?.[0]?.extensions).toEqual({ code: 'ANALYTICS_UNAVAILABLE' })
})

test('where none is configured, and for who may not, it is null too', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  const token = await gateway.signToken({
    subject: 'owner@test',
    tenantId: tenant.id,
    scope: 'CONTENT_READ CONTENT_READ_DRAFT',
  })

  const none = await gateway.query(tenant, readAnalytics, { range: week })
  const forbidden = await gateway.query(token, readAnalytics, { range: week })

  expect(none.data?.contents.nodes).toEqual([{ title: 'Content 0', analytics: null }])
  expect(none.errors?.[0]?.extensions).toEqual({ code: 'ANALYTICS_UNAVAILABLE' })
  expect(forbidden.data?.contents.nodes).toEqual([{ title: 'Content 0', analytics: null }])
  expect(forbidden.errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' })
})

test('ranges that are too long, or of too many points, are refused before they are asked', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 30)
  const refused = async (granularity: 'HOUR' | 'DAY', from: string, to: string) => {
    const { errors } = await ask(gateway, tenant, { range: { from, to }, granularity })
    expect(errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT' })
    return errors?.[0]?.message
  }

  expect(await refused('DAY', '2025-01-01T00:00:00Z', '2026-11-01T00:00:00Z')).toMatch('400 days')
  expect(await refused('HOUR', '2026-10-01T00:00:00Z', '2026-11-02T00:00:00Z')).toMatch('31 days')
  expect(await refused('DAY', week.to, week.from)).toMatch('ends before it begins')
  expect(await refused('HOUR', '2026-11-01T00:00:00Z', '2026-11-20T00:00:00Z')).toMatch(
    '30 contents times 456 points are more than 10000.',
  )
  expect(queriesTo(gateway)).toEqual([])
})

test('every query binds its tenant and a range of partitions', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  for (const granularity of ['HOUR', 'DAY', 'WEEK', 'MONTH'] as const) {
    await firstOf(gateway, tenant, { range: week, granularity })
  }

  const calls = queriesTo(gateway)
  expect(calls).toHaveLength(4)
  for (const { sql, params } of calls) {
    expect(sql).toContain('tenant_id = @tenant AND metric_date >= @from AND metric_date < @to')
    expect(params).toMatchObject({ tenant: tenant.id, from: '2026-11-02', to: '2026-11-09' })
    expect(params?.['contents']).toEqual([decodeGlobalId(id).id])
  }
})
