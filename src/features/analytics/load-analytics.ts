import { sha256 } from '../../lib/bytes.ts'
import { type BigQuery, LoadFailedError } from '../../platform/bigquery.ts'
import type { ReadPool } from '../../platform/postgres/reads.ts'
import { analyticsTable } from './analytics-table.ts'
import { type Metric, readMetric } from './metric.ts'

export interface LoadAnalyticsDeps {
  database: { reads: ReadPool }
  bigquery: BigQuery
  signal: AbortSignal
}

/** As many rows as go into one load job. */
export const maxMetricsPerLoad = 10_000

export interface MetricProblem {
  /** Of the value among those that were given, from 0. */
  index: number
  message: string
}

export interface LoadOptions {
  /** Only looks. */
  dryRun?: boolean
  /** Loads also what was loaded before, e.g. to take back a correction. */
  again?: boolean
}

export interface AnalyticsLoad {
  /** Nothing is loaded while there are problems; `there already` when these very rows once were. */
  outcome: 'loaded' | 'there already' | 'checked' | 'refused'
  problems: MetricProblem[]
}

/**
 * Loads metrics of one tenant, at most `maxMetricsPerLoad`: all of them, or none and why. Contents
 * must be this tenant's; one in the trash still counts. What was loaded before changes nothing, what
 * is loaded with other figures replaces them. Throws UpstreamError, and LoadFailedError when BigQuery
 * refused the rows.
 */
export async function loadAnalytics(
  deps: LoadAnalyticsDeps,
  tenantId: string,
  values: readonly unknown[],
  { dryRun = false, again = false }: LoadOptions = {},
): Promise<AnalyticsLoad> {
  const problems: MetricProblem[] = []
  const metrics = readAll(values, problems)
  const contents = await findContents(deps, tenantId, [...metrics.values()])
  const rows = new Map<string, object>()
  for (const [index, metric] of metrics) {
    const brandId = contents.brands.get(metric.content_id)
    const id = metricIdOf(tenantId, metric)
    if (brandId === undefined) {
      problems.push({ index, message: `there is no content ${metric.content_id} in this tenant` })
    } else if (rows.has(id)) {
      const message =
        'another row has the same content_id, platform, metric_date, metric_hour and source'
      problems.push({ index, message })
    } else rows.set(id, rowOf(id, tenantId, brandId, metric))
  }
  if (problems.length > 0) {
    return { outcome: 'refused', problems: problems.toSorted((a, b) => a.index - b.index) }
  }
  if (dryRun || rows.size === 0) return { outcome: 'checked', problems }
  const outcome = await loadOnce(deps, [...rows.values()], contents.now, again)
  return { outcome, problems }
}

function readAll(values: readonly unknown[], problems: MetricProblem[]): Map<number, Metric> {
  const metrics = new Map<number, Metric>()
  for (const [index, value] of values.entries()) {
    const metric = readMetric(value)
    if (typeof metric === 'string') problems.push({ index, message: metric })
    else metrics.set(index, metric)
  }
  return metrics
}

/** The brands of those that exist, and the time by the one clock that all loaders share. */
async function findContents(
  { database, signal }: LoadAnalyticsDeps,
  tenantId: string,
  metrics: readonly Metric[],
) {
  const ids = [...new Set(metrics.map(({ content_id: id }) => id))]
  const reads = database.reads.forTenant(tenantId, undefined, signal)
  const [found, [clock]] = await Promise.all([
    reads.rows<{ id: string; brandId: string | null }>(
      `select id, brand_id as "brandId" from content_items
       where tenant_id = $1 and id = any($2::uuid[])`,
      [tenantId, ids],
    ),
    reads.rows<{ now: Date }>(`select clock_timestamp()::timestamptz(3) as now`, []),
  ])
  return {
    brands: new Map(found.map(({ id, brandId }) => [id, brandId])),
    now: clock?.now ?? new Date(),
  }
}

/** What a corrected row shares with the one it replaces; the brand is not in it, contents may change theirs. */
function metricIdOf(tenantId: string, metric: Metric): string {
  const { content_id, platform, metric_date, metric_hour = null, source } = metric
  return sha256(
    JSON.stringify([tenantId, content_id, platform, metric_date, metric_hour, source]),
  ).slice(0, 32)
}

function rowOf(metricId: string, tenantId: string, brandId: string | null, metric: Metric): object {
  const { source: _, ...counted } = metric
  const { impressions, clicks, likes, shares, comments, saves } = metric
  const per = (count: number) => (impressions > 0 ? count / impressions : null)
  return {
    ...counted,
    metric_id: metricId,
    tenant_id: tenantId,
    brand_id: brandId,
    engagement_rate: metric.engagement_rate ?? per(likes + shares + comments + saves),
    ctr: metric.ctr ?? per(clicks),
  }
}

/** More failures of the same rows are no accident. */
const maxAttempts = 5

/**
 * The job's id follows from the dataset and the rows, so that whoever loads the same ones, at once or
 * after a crash, meets the first one's job, unless it is to be done `again`. A job that failed has used up its id, and the next number follows.
 */
async function loadOnce(
  { bigquery, signal }: LoadAnalyticsDeps,
  rows: readonly object[],
  now: Date,
  again: boolean,
): Promise<'loaded' | 'there already'> {
  const occasion = JSON.stringify([bigquery.dataset, again ? now : null])
  const digest = sha256([occasion, ...rows.map((row) => JSON.stringify(row))].join('\n'))
  for (let attempt = 1; ; attempt++) {
    const id = `analytics_${digest}_${attempt}`
    try {
      if (await bigquery.findLoad(id, signal)) return 'there already'
    } catch (error) {
      if (!(error instanceof LoadFailedError) || attempt === maxAttempts) throw error
      continue
    }
    const stamp = { ingested_at: now.toISOString() }
    const lines = rows.map((row) => `${JSON.stringify({ ...row, ...stamp })}\n`)
    const job = { id, body: [Buffer.from(lines.join(''))], maxBadRecords: 0 }
    await bigquery.load(analyticsTable, job, signal)
    return 'loaded'
  }
}
