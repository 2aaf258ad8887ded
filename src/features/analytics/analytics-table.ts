import type { TableDefinition } from '../../platform/bigquery/tables.ts'

/**
 * What the platforms count (E-062), a row per content, platform and hour, or day. Rows are never
 * changed: a correction is a newer row with the same `metric_id`.
 */
export const analyticsTable: TableDefinition = {
  name: 'content_analytics',
  description: 'How contents do on the platforms; the newest row of a metric_id is in force.',
  columns: [
    { name: 'metric_id', type: 'STRING', required: true },
    { name: 'content_id', type: 'STRING', required: true },
    { name: 'tenant_id', type: 'STRING', required: true },
    { name: 'brand_id', type: 'STRING' },
    { name: 'metric_date', type: 'DATE', required: true },
    { name: 'metric_hour', type: 'INT64' },
    { name: 'platform', type: 'STRING', required: true },
    { name: 'impressions', type: 'INT64' },
    { name: 'clicks', type: 'INT64' },
    { name: 'likes', type: 'INT64' },
    { name: 'shares', type: 'INT64' },
    { name: 'comments', type: 'INT64' },
    { name: 'saves', type: 'INT64' },
    { name: 'engagement_rate', type: 'FLOAT64' },
    { name: 'ctr', type: 'FLOAT64' },
    { name: 'avg_watch_time', type: 'FLOAT64' },
    { name: 'conversions', type: 'INT64' },
    { name: 'revenue', type: 'NUMERIC' },
    { name: 'custom_metrics', type: 'JSON' },
    { name: 'ingested_at', type: 'TIMESTAMP', required: true },
  ],
  partitionColumn: 'metric_date',
  clustering: ['tenant_id', 'brand_id', 'platform'],
}
