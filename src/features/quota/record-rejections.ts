import { UpstreamError } from '../../lib/errors.ts'
import type { Database } from '../../platform/postgres/database.ts'

/**
 * Counts writes that the plan's storage limit refused, by day and plan. In a transaction of its own, once
 * the one that refused is over: a count inside it would go with it. A count that PostgreSQL cannot
 * take is lost, for what the caller is to be told is the refusal.
 */
export async function recordRejections(
  { database, tenantId }: { database: Database; tenantId: string },
  rejections: number,
): Promise<void> {
  if (rejections === 0) return
  try {
    await database.transaction(tenantId, (tx) =>
      tx.execute(
        `insert into quota_rejections (tenant_id, day, plan_tier, rejections)
         select id, (now() at time zone 'UTC')::date, plan_tier, ? from tenants where id = ?
         on conflict (tenant_id, day, plan_tier)
           do update set rejections = quota_rejections.rejections + excluded.rejections`,
        [rejections, tenantId],
      ),
    )
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
  }
}
