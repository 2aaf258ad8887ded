import type { EntityManager } from '@mikro-orm/postgresql'
import { limitJson } from './plan-tiers.ts'

const generationLimits = limitJson(({ monthlyGenerationLimit }) => monthlyGenerationLimit)

/** Both ways into the row ask the plan: the first items of a month, and those on top of others. */
const countSql = `
  with plan as (
    select t.id, coalesce((?::jsonb ->> t.plan_tier)::bigint, 9223372036854775807) as items
    from tenants t where t.id = ?
  )
  insert into generation_usage (tenant_id, month, items)
  select plan.id, date_trunc('month', now() at time zone 'UTC')::date, wanted.items
  from plan cross join (select ?::integer as items) wanted where wanted.items <= plan.items
  on conflict (tenant_id, month) do update set items = generation_usage.items + excluded.items
    where generation_usage.items::bigint + excluded.items <= (select plan.items from plan)
  returning items`

/**
 * Counts `items` against the plan's generations of this calendar month in UTC, check and claim in one
 * statement (E-132). False when they do not fit; nothing is counted then. Locks the month's row:
 * comes before the quota row.
 */
export async function countGenerations(
  tx: EntityManager,
  tenantId: string,
  items: number,
): Promise<boolean> {
  const counted = await tx.execute<unknown[]>(countSql, [generationLimits, tenantId, items])
  return counted.length > 0
}
