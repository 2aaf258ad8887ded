import type { TenantReads } from '../../platform/postgres/reads.ts'

/** Usage at the end of one day. */
export interface UsagePoint {
  /** The day's first instant, in UTC. */
  at: Date
  bytes: number
  items: number
}

/**
 * The ledger is summed once up to the first day, then day by day. Days to come are left out, and so
 * is the day that begins with the end of the range.
 */
const historySql = `
  with range as (
    select date_trunc('day', $2::timestamptz, 'UTC') as first_day,
      least($3::timestamptz - interval '1 millisecond', now()) as last_moment
  ), earlier as (
    select coalesce(sum(bytes), 0) as bytes, coalesce(sum(items), 0) as items
    from usage_ledger where tenant_id = $1 and created_at < (select first_day from range)
  ), daily as (
    select date_trunc('day', created_at, 'UTC') as day, sum(bytes) as bytes, sum(items) as items
    from usage_ledger
    where tenant_id = $1 and created_at >= (select first_day from range)
      and created_at < $3::timestamptz + interval '1 day'
    group by 1
  )
  select day as at,
    (earlier.bytes + coalesce(sum(daily.bytes) over so_far, 0))::bigint as bytes,
    (earlier.items + coalesce(sum(daily.items) over so_far, 0))::bigint as items
  from range cross join earlier
    cross join generate_series(first_day, last_moment, interval '1 day') as day
    left join daily using (day)
  window so_far as (order by day)
  order by day`

/** Bytes and items of live contents at the end of each day in UTC that the range touches. */
export function listUsageHistory(
  reads: TenantReads,
  { from, to }: { from: Date; to: Date },
): Promise<UsagePoint[]> {
  return reads.rows<UsagePoint>(historySql, [reads.tenantId, from, to])
}
