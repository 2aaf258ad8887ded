import { z } from 'zod'
import { defineQuery } from '../../platform/bigquery/query-template.ts'
import { type Platform, platforms } from '../content/content.entity.ts'
import { analyticsTable } from './analytics-table.ts'
import { type Engagement, microsOf } from './engagement.ts'
import { granularities, type Granularity } from './granularity.ts'

/** The range to the hour; its days are what says which partitions are read. */
const common = { begin: 'TIMESTAMP', end: 'TIMESTAMP', platforms: 'STRING[]' } as const

/**
 * The rows in force: of each metric the newest, as corrections come later. Only what is part of the
 * metric's id may be asked for before that; its brand may have been corrected too.
 */
const inForce = (conditions: string) => `(
  SELECT content_id, brand_id, platform, metric_date, metric_hour, impressions, clicks, likes,
    shares, comments, saves, avg_watch_time, conversions, revenue, custom_metrics, ingested_at
  FROM {table}
  WHERE tenant_id = @tenant AND metric_date >= @from AND metric_date < @to
    AND TIMESTAMP_ADD(TIMESTAMP(metric_date), INTERVAL IFNULL(metric_hour, 0) HOUR) >= @begin
    AND TIMESTAMP_ADD(TIMESTAMP(metric_date), INTERVAL IFNULL(metric_hour, 0) HOUR) < @end
    AND platform IN UNNEST(@platforms) ${conditions}
  QUALIFY ROW_NUMBER() OVER (PARTITION BY metric_id ORDER BY ingested_at DESC) = 1
)`

const counts = `
  IFNULL(SUM(impressions), 0) AS shown, IFNULL(SUM(clicks), 0) AS clicked,
  IFNULL(SUM(likes), 0) AS liked, IFNULL(SUM(shares), 0) AS shared,
  IFNULL(SUM(comments), 0) AS commented, IFNULL(SUM(saves), 0) AS saved,
  IFNULL(SUM(conversions), 0) AS converted, CAST(SUM(revenue) AS STRING) AS earned,
  IFNULL(SUM(avg_watch_time * impressions), 0) AS watched_seconds,
  IFNULL(SUM(IF(avg_watch_time IS NULL, 0, impressions)), 0) AS watched_shown,
  MAX(ingested_at) AS fresh_as_of`

const custom = `STRING_AGG(
  IF(custom_metrics IS NULL, NULL, TO_JSON_STRING(custom_metrics)), ',') AS custom`

/** Which brands are meant: any, or those listed, where '' stands for contents without one. */
const ofBrands = `IF(@anyBrand = 1, TRUE, IFNULL(brand_id, '') IN UNNEST(@brands))`

const countRow = {
  shown: z.number(),
  clicked: z.number(),
  liked: z.number(),
  shared: z.number(),
  commented: z.number(),
  saved: z.number(),
  converted: z.number(),
  earned: z.string().nullable(),
  watched_seconds: z.number(),
  watched_shown: z.number(),
  fresh_as_of: z.string().transform((text) => new Date(text)),
}

const pointRow = { ...countRow, platform: z.enum(platforms), bucket: z.string(), hour: z.number() }

/** Weeks begin on Mondays (ISO 8601). */
const bucketSql: Record<Granularity, string> = {
  HOUR: 'metric_date AS bucket, IFNULL(metric_hour, 0) AS hour',
  DAY: 'metric_date AS bucket, 0 AS hour',
  WEEK: 'DATE_TRUNC(metric_date, ISOWEEK) AS bucket, 0 AS hour',
  MONTH: 'DATE_TRUNC(metric_date, MONTH) AS bucket, 0 AS hour',
}

/** By granularity: how some contents did, a row per content, platform and stretch of time. */
export const contentQueries = forEachGranularity((granularity) =>
  defineQuery({
    name: `content analytics by ${granularity}`,
    table: analyticsTable,
    sql: `SELECT content_id, platform, ${bucketSql[granularity]}, ${counts}, ${custom}
      FROM ${inForce('AND content_id IN UNNEST(@contents)')}
      GROUP BY content_id, platform, bucket, hour`,
    parameters: { ...common, contents: 'STRING[]' },
    row: z.object({ ...pointRow, content_id: z.string(), custom: z.string().nullable() }),
  }),
)

/** By granularity: how all contents of some brands did, a row per platform and stretch of time. */
export const reportQueries = forEachGranularity((granularity) =>
  defineQuery({
    name: `analytics report by ${granularity}`,
    table: analyticsTable,
    sql: `SELECT platform, ${bucketSql[granularity]}, ${counts}
      FROM ${inForce('')} WHERE ${ofBrands}
      GROUP BY platform, bucket, hour`,
    parameters: { ...common, brands: 'STRING[]', anyBrand: 'INT64' },
    row: z.object(pointRow),
  }),
)

/** More than may be asked for, because some of them may be out of the viewer's reach. */
const rankedContents = 300

/** Contents that are among the first by any of the metrics one can ask for, in no order. */
export const topQuery = defineQuery({
  name: 'analytics top contents',
  table: analyticsTable,
  sql: `SELECT content_id, shown, clicked, liked, shared, commented, saved, converted, earned,
      watched_seconds, watched_shown, fresh_as_of
    FROM (
      SELECT content_id, ${counts}, IFNULL(SUM(revenue), 0) AS revenue_sum
      FROM ${inForce('')} WHERE ${ofBrands} GROUP BY content_id
    )
    QUALIFY LEAST(
      ROW_NUMBER() OVER (ORDER BY shown DESC, content_id),
      ROW_NUMBER() OVER (ORDER BY clicked DESC, content_id),
      ROW_NUMBER() OVER (
        ORDER BY SAFE_DIVIDE(liked + shared + commented + saved, shown) DESC, content_id),
      ROW_NUMBER() OVER (ORDER BY SAFE_DIVIDE(clicked, shown) DESC, content_id),
      ROW_NUMBER() OVER (ORDER BY converted DESC, content_id),
      ROW_NUMBER() OVER (ORDER BY revenue_sum DESC, content_id)) <= ${rankedContents}`,
  parameters: { ...common, brands: 'STRING[]', anyBrand: 'INT64' },
  row: z.object({ ...countRow, content_id: z.string() }),
})

function forEachGranularity<T>(make: (granularity: Granularity) => T): Record<Granularity, T> {
  const entries = granularities.map((granularity) => [granularity, make(granularity)])
  return Object.fromEntries(entries) as Record<Granularity, T>
}

type CountRow = z.infer<z.ZodObject<typeof countRow>>

export function engagementOf(row: CountRow & { custom?: string | null }): Engagement {
  return {
    impressions: row.shown,
    clicks: row.clicked,
    likes: row.liked,
    shares: row.shared,
    comments: row.commented,
    saves: row.saved,
    conversions: row.converted,
    revenueMicros: row.earned === null ? null : microsOf(row.earned),
    watchedSeconds: row.watched_seconds,
    watchedImpressions: row.watched_shown,
    custom: row.custom == null ? null : sumCustom(row.custom),
  }
}

/** Of JSON objects between commas: what is a number in them, added up by name. */
function sumCustom(objects: string): Map<string, number> {
  const sums = new Map<string, number>()
  for (const object of JSON.parse(`[${objects}]`) as object[]) {
    for (const [name, value] of Object.entries(object) as [string, unknown][]) {
      if (typeof value === 'number') sums.set(name, (sums.get(name) ?? 0) + value)
    }
  }
  return sums
}

/** One platform, or all of them, over one stretch of time. */
export interface Point {
  /** Its begin; of a week or month that begins before the range, that of the whole week or month. */
  at: Date
  platform: Platform | null
  sums: Engagement
}

type PointRow = z.infer<z.ZodObject<typeof pointRow>>

export function pointOf(row: PointRow & { custom?: string | null }): Point {
  const at = new Date(`${row.bucket}T${String(row.hour).padStart(2, '0')}:00:00Z`)
  return { at, platform: row.platform, sums: engagementOf(row) }
}
