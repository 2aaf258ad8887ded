import { platforms as allPlatforms, type Platform } from '../content/content.entity.ts'
import { askWarehouse, defaultMaxBytes, type WarehouseDeps } from './ask-warehouse.ts'
import { addUp, type Engagement } from './engagement.ts'
import { contentQueries, type Point, pointOf } from './engagement-queries.ts'
import { type Granularity, type Range, roundRange } from './granularity.ts'

export interface AnalyticsRequest {
  range: Range
  /** Absent: all of them. */
  platforms: readonly Platform[] | undefined
  granularity: Granularity
}

export interface ContentAnalytics {
  /** As it was counted. */
  range: Range
  totals: Engagement
  /** In the order of time; stretches in which nothing was counted are not there. */
  series: Point[]
  byPlatform: Point[]
  /** When the newest of the rows behind it came; null when there are none. */
  freshAsOf: Date | null
  /** Of the one query that all these contents share. */
  bytesScanned: number
}

/** How contents did, in key order, by one query for all of them. Throws as `askWarehouse`. */
export async function loadContentAnalytics(
  deps: WarehouseDeps,
  ids: readonly string[],
  { range: wanted, platforms = allPlatforms, granularity }: AnalyticsRequest,
): Promise<ContentAnalytics[]> {
  const range = roundRange(wanted, granularity)
  const { rows, bytesProcessed } = await askWarehouse(deps, contentQueries[granularity], {
    range,
    parameters: { begin: range.from, end: range.to, platforms, contents: ids },
    maxBytes: defaultMaxBytes,
  })
  const byContent = Map.groupBy(rows, ({ content_id: id }) => id)
  return ids.map((id) => {
    const found = byContent.get(id) ?? []
    const points = found.map(pointOf)
    return {
      range,
      totals: addUp(points.map(({ sums }) => sums)),
      series: addUpSeries(points),
      byPlatform: addUpByPlatform(points, range.from),
      freshAsOf: newest(found),
      bytesScanned: bytesProcessed,
    }
  })
}

function addUpSeries(points: readonly Point[]): Point[] {
  const buckets = Map.groupBy(points, ({ at }) => at.getTime())
  return [...buckets]
    .toSorted(([a], [b]) => a - b)
    .map(([at, all]) => ({
      at: new Date(at),
      platform: null,
      sums: addUp(all.map(({ sums }) => sums)),
    }))
}

function addUpByPlatform(points: readonly Point[], at: Date): Point[] {
  return [...Map.groupBy(points, ({ platform }) => platform)]
    .map(([platform, all]) => ({ at, platform, sums: addUp(all.map(({ sums }) => sums)) }))
    .toSorted((a, b) => (a.platform ?? '').localeCompare(b.platform ?? ''))
}

export function newest(rows: readonly { fresh_as_of: Date }[]): Date | null {
  if (rows.length === 0) return null
  return new Date(Math.max(...rows.map((row) => row.fresh_as_of.getTime())))
}
