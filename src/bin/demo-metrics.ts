import { loadAnalytics } from '../features/analytics/load-analytics.ts'
import { sha256 } from '../lib/bytes.ts'
import { UpstreamError } from '../lib/errors.ts'
import type { Services } from '../platform/services.ts'

interface DemoContentRow {
  id: string
  name: string
  platforms: string[]
  createdAt: Date
}

const days = 14
const dayMs = 24 * 3_600_000

/**
 * Made-up metrics of the two weeks before the demo contents were made, the same at every start: what
 * is there already stays as it is.
 */
export async function ensureDemoMetrics(
  { database, bigquery, log }: Pick<Services, 'database' | 'bigquery' | 'log'>,
  tenantId: string,
  signal: AbortSignal,
): Promise<void> {
  if (!bigquery) return
  const contents = await database.reads.forTenant(tenantId, undefined, signal).rows<DemoContentRow>(
    `select id, external_id as name, platforms, created_at as "createdAt" from content_items
     where tenant_id = $1 and external_system = 'demo' order by id`,
    [tenantId],
  )
  const metrics = contents.flatMap((content) =>
    Array.from({ length: days }, (_, index) => metricOf(content, index + 1)),
  )
  try {
    await loadAnalytics({ database, bigquery, signal }, tenantId, metrics)
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    log.warn({ err: error }, 'there are no demo metrics')
  }
}

function metricOf({ id, name, platforms, createdAt }: DemoContentRow, daysBefore: number) {
  const share = (what: string) =>
    Number.parseInt(sha256(`${name} ${daysBefore} ${what}`).slice(0, 8), 16) / 2 ** 32
  const impressions = Math.round(200 + 2_000 * share('impressions'))
  const clicks = Math.round(impressions * 0.08 * share('clicks'))
  return {
    content_id: id,
    metric_date: new Date(createdAt.getTime() - daysBefore * dayMs).toISOString().slice(0, 10),
    platform: platforms[0] ?? 'web',
    impressions,
    clicks,
    likes: Math.round(impressions * 0.05 * share('likes')),
    shares: Math.round(impressions * 0.01 * share('shares')),
    comments: Math.round(impressions * 0.01 * share('comments')),
    conversions: Math.round(clicks * 0.1 * share('conversions')),
    revenue: (clicks * share('revenue')).toFixed(2),
    source: 'demo',
  }
}
