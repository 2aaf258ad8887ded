import { expect } from 'vitest'
import { type AnalyticsLoad, loadAnalytics } from '../../src/features/analytics/load-analytics.ts'
import { decodeGlobalId } from '../../src/graphql/global-id.ts'
import type { BigQuery } from '../../src/platform/bigquery.ts'
import type { CopiedGateway, TestTenant } from './gateway.ts'

export interface TestMetric {
  content_id: string
  metric_date: string
  platform: string
  [field: string]: unknown
}

/** A row of metrics of the content with this global id. */
export function metricOf(
  contentId: string,
  metric_date: string,
  fields: Record<string, unknown> = {},
): TestMetric {
  const content_id = decodeGlobalId(contentId).id
  return { content_id, metric_date, platform: 'instagram', ...fields }
}

export function warehouseOf({ services }: CopiedGateway): BigQuery {
  if (!services.bigquery) throw new Error('This gateway has no BigQuery.')
  return services.bigquery
}

/** Loads metrics as the command does; they must be sound. */
export async function loadMetrics(
  gateway: CopiedGateway,
  tenant: TestTenant,
  metrics: readonly TestMetric[],
): Promise<AnalyticsLoad['outcome']> {
  const { database } = gateway.services
  const signal = AbortSignal.timeout(10_000)
  const deps = { database, bigquery: warehouseOf(gateway), signal }
  const { outcome, problems } = await loadAnalytics(deps, tenant.id, metrics)
  expect(problems).toEqual([])
  return outcome
}

/** The queries that BigQuery was asked so far. */
export function queriesTo({ bigquery }: CopiedGateway) {
  return bigquery.calls.filter(({ operation }) => operation === 'query')
}
