import { expect, test } from 'vitest'
import { encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { createTestContents } from '../../support/contents.ts'
import { type CopiedGateway, startGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import type { AnalyticsMetric, AnalyticsReportQueryVariables } from '../../support/gql/graphql.ts'
import { loadMetrics, metricOf, queriesTo } from '../../support/metrics.ts'

const range = { from: '2026-11-02T00:00:00Z', to: '2026-11-09T00:00:00Z' }

const reportDocument = graphql(`
  query AnalyticsReport(
    $range: DateRangeInput!
    $brandId: ID
    $platforms: [Platform!]
    $granularity: AnalyticsGranularity! = DAY
    $maxBytesScanned: BigInt
    $by: AnalyticsMetric! = IMPRESSIONS
    $first: Int! = 10
  ) {
    analyticsReport(
      range: $range
      brandId: $brandId
      platforms: $platforms
      granularity: $granularity
      maxBytesScanned: $maxBytesScanned
    ) {
      rows {
        at
        platform
        totals {
          impressions
        }
      }
      top(first: $first, by: $by) {
        content {
          title
        }
        totals {
          impressions
          clicks
          ctr
        }
      }
      totals {
        impressions
        clicks
        ctr
        revenue
        custom
      }
      bytesScanned
      freshAsOf
    }
  }
`)

async function report(
  gateway: CopiedGateway,
  who: TestTenant | string,
  variables: Partial<AnalyticsReportQueryVariables> = {},
) {
  const { data, errors } = await gateway.query(who, reportDocument, { range, ...variables })
  expect(errors).toBeUndefined()
  return data?.analyticsReport
}

const titlesOf = (top: { content: { title: string } | null }[] | null | undefined) =>
  top?.map(({ content }) => content?.title ?? null)

test('a report adds up over contents, and ranks them by what is asked for', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [a = '', b = '', c = ''] = await createTestContents(gateway, tenant, 3)
  await loadMetrics(gateway, tenant, [
    metricOf(a, '2026-11-02', { impressions: 100, clicks: 50, revenue: '-3.5' }),
    metricOf(a, '2026-11-03', { impressions: 100, platform: 'web' }),
    metricOf(b, '2026-11-02', { impressions: 1_000, clicks: 60, custom_metrics: { x: 1 } }),
    metricOf(c, '2026-11-02', { impressions: 3, clicks: 2, likes: 3, conversions: 9 }),
  ])

  const found = await report(gateway, tenant)

  expect(queriesTo(gateway)).toHaveLength(2)
  expect(found).toMatchObject({
    rows: [
      { at: '2026-11-02T00:00:00.000Z', platform: 'INSTAGRAM', totals: { impressions: 1_103 } },
      { at: '2026-11-03T00:00:00.000Z', platform: 'WEB', totals: { impressions: 100 } },
    ],
    totals: { impressions: 1_203, clicks: 112, revenue: '-3.500000', custom: null },
  })
  expect(found?.totals?.ctr).toBeCloseTo(112 / 1_203)
  expect(Number(found?.bytesScanned)).toBeGreaterThan(0)
  const orders: Partial<Record<AnalyticsMetric, string[]>> = {
    IMPRESSIONS: ['Content 1', 'Content 0', 'Content 2'],
    CLICKS: ['Content 1', 'Content 0', 'Content 2'],
    CTR: ['Content 2', 'Content 0', 'Content 1'],
  }
  for (const [by, titles] of Object.entries(orders)) {
    const { top } = (await report(gateway, tenant, { by: by as AnalyticsMetric })) ?? {}
    expect(titlesOf(top)).toEqual(titles)
  }
  for (const by of ['ENGAGEMENT_RATE', 'CONVERSIONS'] as const) {
    const { top } = (await report(gateway, tenant, { by, first: 1 })) ?? {}
    expect(titlesOf(top)).toEqual(['Content 2'])
  }
  const revenue = await report(gateway, tenant, { by: 'REVENUE' })
  expect(titlesOf(revenue?.top)?.at(-1)).toBe('Content 0')
  const web = await report(gateway, tenant, { platforms: ['WEB'] })
  expect(web?.totals?.impressions).toBe(100)
})

test('nothing is asked of BigQuery but what was selected, and that once', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const { data } = await gateway.query(
    tenant,
    graphql(`
      query TopsOnly($range: DateRangeInput!) {
        analyticsReport(range: $range) {
          bytesScanned
          clicks: top(by: CLICKS) {
            totals {
              clicks
            }
          }
          revenue: top(by: REVENUE) {
            totals {
              revenue
            }
          }
        }
      }
    `),
    { range },
  )

  expect(data?.analyticsReport).toEqual({ bytesScanned: '0', clicks: [], revenue: [] })
  expect(queriesTo(gateway)).toHaveLength(1)
})

test('brands out of reach are in no sum and no ranking, also when contents have moved', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant({
    brands: [
      { name: 'Mine', campaignSpaces: ['Mine'] },
      { name: 'Hidden', campaignSpaces: ['Hidden'] },
    ],
  })
  const { admin } = gateway.database
  const [mine, hidden] = tenant.brands.map(({ id }) => id)
  await admin.query('delete from brand_members where brand_id = $1', [hidden])
  const [own = '', free = '', moved = ''] = await createTestContents(gateway, tenant, 3, (index) =>
    index === 1 ? { brandId: null, campaignSpaceId: null } : {},
  )
  const [secret = ''] = await createTestContents(gateway, tenant, 1, () => ({
    title: 'Secret',
    brandId: encodeGlobalId('Brand', hidden ?? ''),
    campaignSpaceId: null,
  }))
  await loadMetrics(gateway, tenant, [
    metricOf(own, '2026-11-02', { impressions: 1 }),
    metricOf(free, '2026-11-02', { impressions: 10 }),
    metricOf(moved, '2026-11-02', { impressions: 100 }),
    metricOf(secret, '2026-11-02', { impressions: 1_000 }),
  ])
  await admin.query(
    `update content_items set brand_id = $1, campaign_space_id = null where title = 'Content 2'`,
    [hidden],
  )

  const all = await report(gateway, tenant)
  const seen = await report(gateway, tenant.tokens.viewer)
  const brandId = encodeGlobalId('Brand', mine ?? '')
  const ofBrand = await report(gateway, tenant, { brandId })
  const foreign = await gateway.query(tenant.tokens.viewer, reportDocument, {
    range,
    brandId: encodeGlobalId('Brand', hidden ?? ''),
  })

  expect(all?.totals?.impressions).toBe(1_111)
  // What was counted while it was theirs stays in their sums.
  expect(seen?.totals?.impressions).toBe(111)
  expect(titlesOf(seen?.top)).toEqual(['Content 1', 'Content 0'])
  expect(ofBrand?.totals?.impressions).toBe(101)
  expect(foreign.data?.analyticsReport).toBeNull()
  expect(foreign.errors?.[0]?.extensions).toEqual({ code: 'NOT_FOUND' })
  // Once their numbers are corrected they count for their new brand alone.
  await loadMetrics(gateway, tenant, [metricOf(moved, '2026-11-02', { impressions: 200 })])
  expect((await report(gateway, tenant.tokens.viewer))?.totals?.impressions).toBe(11)
})

test('what is in the trash or gone keeps its numbers, without the content', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [kept = '', trashed = ''] = await createTestContents(gateway, tenant, 2)
  await loadMetrics(gateway, tenant, [
    metricOf(kept, '2026-11-02', { impressions: 1 }),
    metricOf(trashed, '2026-11-02', { impressions: 2 }),
  ])
  await gateway.query(
    tenant,
    `mutation { deleteContent(ref: { id: "${trashed}" }) { __typename } }`,
  )

  expect(titlesOf((await report(gateway, tenant))?.top)).toEqual([null, 'Content 0'])
})

test('a report that would scan too much is refused, and says how much and what to do', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  await loadMetrics(gateway, tenant, [metricOf(id, '2026-11-02', { impressions: 1 })])

  const { data, errors } = await gateway.query(tenant, reportDocument, {
    range,
    maxBytesScanned: '1000',
  })

  expect(data?.analyticsReport).toMatchObject({ rows: null, top: null, totals: null })
  expect(errors?.[0]?.extensions).toEqual({
    code: 'BYTES_LIMIT_EXCEEDED',
    requiredBytes: '10485760',
  })
  expect(errors?.[0]?.message).toBe(
    'This would scan 10485760 bytes, more than the limit leaves. Ask for a shorter range, or raise maxBytesScanned.',
  )
  // Enough for one of the report's two queries, but the limit is for both together.
  const variables = { range, maxBytesScanned: `${10 * 1024 ** 2}` }
  const half = await gateway.query(tenant, reportDocument, variables)
  expect(half.errors?.map(({ path }) => path)).toEqual([['analyticsReport', 'top']])
  expect(half.data?.analyticsReport).toMatchObject({ top: null, totals: { impressions: 1 } })
  expect(half.data?.analyticsReport?.rows).toHaveLength(1)
  const none = await gateway.query(tenant, reportDocument, { range, maxBytesScanned: '0' })
  expect(none.errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT' })
})

test('while BigQuery is away what a report tells is null with an error, and comes back with it', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  gateway.bigquery.faults.add({ kind: 'status', status: 503, operation: '*' })

  const { data, errors } = await gateway.query(tenant, reportDocument, { range })

  expect(data?.analyticsReport).toMatchObject({ rows: null, top: null, totals: null })
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'ANALYTICS_UNAVAILABLE' })
  gateway.bigquery.faults.clear()
  expect((await report(gateway, tenant))?.totals?.impressions).toBe(0)
})

test('a sum that passes an Int is told so, and the smaller ones are there', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 1)
  const impressions = 2 ** 31 - 1
  await loadMetrics(gateway, tenant, [
    metricOf(id, '2026-11-02', { impressions }),
    metricOf(id, '2026-11-03', { impressions }),
  ])

  const { errors } = await gateway.query(tenant, reportDocument, { range })

  expect(errors?.[0]?.extensions).toEqual({ code: 'SUM_TOO_LARGE' })
  const to = '2026-11-03T00:00:00Z'
  const day = await report(gateway, tenant, { range: { from: range.from, to } })
  expect(day?.totals?.impressions).toBe(impressions)
})

test('every query of a report binds its tenant, its brands and a range of partitions', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  for (const granularity of ['HOUR', 'DAY', 'WEEK', 'MONTH'] as const) {
    await report(gateway, tenant.tokens.viewer, { granularity })
  }

  const calls = queriesTo(gateway)
  expect(calls).toHaveLength(8)
  for (const { sql, params } of calls) {
    expect(sql).toContain('tenant_id = @tenant AND metric_date >= @from AND metric_date < @to')
    expect(params).toMatchObject({ tenant: tenant.id, from: '2026-11-02', to: '2026-11-09' })
    expect(params).toMatchObject({ anyBrand: 0, brands: [tenant.brands[0]?.id, ''] })
  }
})
