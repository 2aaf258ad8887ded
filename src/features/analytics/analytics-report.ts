import type { QueryResult } from '../../platform/bigquery/queries.ts'
import { platforms as allPlatforms } from '../content/content.entity.ts'
import { askWarehouse, type WarehouseDeps } from './ask-warehouse.ts'
import { type AnalyticsRequest, newest } from './content-analytics.loaders.ts'
import { addUp, ctrOf, type Engagement, engagementRateOf } from './engagement.ts'
import { engagementOf, type Point, pointOf, reportQueries, topQuery } from './engagement-queries.ts'
import { roundRange } from './granularity.ts'

export const analyticsMetrics = [
  'IMPRESSIONS',
  'CLICKS',
  'ENGAGEMENT_RATE',
  'CTR',
  'CONVERSIONS',
  'REVENUE',
] as const
export type AnalyticsMetric = (typeof analyticsMetrics)[number]

export interface ReportRequest extends AnalyticsRequest {
  /** Null for all contents of the tenant; '' stands for those without a brand. */
  brandIds: readonly string[] | null
  /** For all that is asked of this report together. */
  maxBytes: number
}

export interface RankedContent {
  contentId: string
  sums: Engagement
}

/** Asks only for what somebody wants to know, and each thing once. */
export interface AnalyticsReport {
  /** A point per platform and stretch of time, in the order of time. */
  rows(): Promise<Point[]>
  totals(): Promise<Engagement>
  /** When the newest of the rows behind it came; null when there are none. */
  freshAsOf(): Promise<Date | null>
  /** Contents in order, the first of them by this metric, some 300. */
  top(by: AnalyticsMetric): Promise<RankedContent[]>
  /** Of all that was asked for before the current tick is over. */
  bytesScanned(): Promise<number>
}

export function createReport(deps: WarehouseDeps, request: ReportRequest): AnalyticsReport {
  const { granularity, platforms = allPlatforms, brandIds } = request
  const range = roundRange(request.range, granularity)
  const parameters = {
    begin: range.from,
    end: range.to,
    platforms,
    brands: brandIds ?? [],
    anyBrand: brandIds === null ? 1 : 0,
  }
  const budget = createBudget(request.maxBytes)
  const ask = { range, parameters }
  const series = once(() =>
    budget.spend((maxBytes) =>
      askWarehouse(deps, reportQueries[granularity], { ...ask, maxBytes }),
    ),
  )
  const ranking = once(() =>
    budget.spend((maxBytes) => askWarehouse(deps, topQuery, { ...ask, maxBytes })),
  )
  return {
    rows: async () => (await series()).rows.map(pointOf).toSorted(byTimeAndPlatform),
    totals: async () => addUp((await series()).rows.map(engagementOf)),
    freshAsOf: async () => newest((await series()).rows),
    top: async (by) =>
      (await ranking()).rows
        .map((row) => ({ contentId: row.content_id, sums: engagementOf(row) }))
        .toSorted((a, b) => compare(valueOf[by](b.sums), valueOf[by](a.sums), a, b)),
    bytesScanned: budget.spent,
  }
}

/** One after the other, so that the next one knows what is left. */
function createBudget(maxBytes: number) {
  let spent = 0
  let last: Promise<unknown> = Promise.resolve()
  return {
    spend<Row>(ask: (maxBytes: number) => Promise<QueryResult<Row>>) {
      const answer = last.then(() => ask(Math.max(1, maxBytes - spent)))
      last = answer.then(
        ({ bytesProcessed }) => (spent += bytesProcessed),
        () => undefined,
      )
      return answer
    },
    /** Fields beside the one that asks for this begin in the same tick. */
    async spent(): Promise<number> {
      await Promise.resolve()
      await last
      return spent
    },
  }
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined
  return () => (answer ??= ask())
}

function byTimeAndPlatform(a: Point, b: Point): number {
  const platforms = (a.platform ?? '').localeCompare(b.platform ?? '')
  return a.at.getTime() - b.at.getTime() || platforms
}

/** Larger than all stands before, nothing counted stands last. */
const valueOf: Record<AnalyticsMetric, (sums: Engagement) => number> = {
  IMPRESSIONS: ({ impressions }) => impressions,
  CLICKS: ({ clicks }) => clicks,
  ENGAGEMENT_RATE: (sums) => engagementRateOf(sums) ?? -1,
  CTR: (sums) => ctrOf(sums) ?? -1,
  CONVERSIONS: ({ conversions }) => conversions,
  REVENUE: ({ revenueMicros }) => Number(revenueMicros ?? 0n),
}

function compare(a: number, b: number, one: RankedContent, other: RankedContent): number {
  return a - b || (one.contentId < other.contentId ? -1 : 1)
}
