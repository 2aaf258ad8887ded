import type { EntityManager } from '@mikro-orm/postgresql'
import { ConcurrencyLimitError } from '../../lib/errors.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { countGenerations } from '../quota/count-generations.ts'
import { plans } from '../quota/plan-tiers.ts'
import type { PlanTier } from '../tenancy/tenant.entity.ts'
import { GenerationLimitError } from './generation.errors.ts'

interface Standing {
  planTier: PlanTier
  /** Jobs that are not over. */
  unfinished: number
  usedThisMonth: number
}

const standingSql = `
  select t.plan_tier as "planTier",
    (select count(*) from content_generation_jobs j where j.tenant_id = t.id
       and j.status in ('pending', 'running', 'cancelling'))::integer as unfinished,
    coalesce((select g.items from generation_usage g where g.tenant_id = t.id
       and g.month = date_trunc('month', now() at time zone 'UTC')::date), 0)::integer as "usedThisMonth"
  from tenants t where t.id = $1`

/** How many more jobs the tenant may begin now. */
export async function countFreeSlots(reads: TenantReads): Promise<number> {
  const [standing] = await reads.rows<Standing>(standingSql, [reads.tenantId])
  if (!standing) return 0
  return Math.max(0, plans[standing.planTier].concurrentJobsLimit - standing.unfinished)
}

/**
 * Waits until whoever else begins a job of the tenant has committed, so that none slips past a limit
 * beside another. Comes after the idempotency keys and before every row of a job.
 */
export async function waitForOthers(tx: EntityManager, tenantId: string): Promise<void> {
  await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`jobs:${tenantId}`])
}

/**
 * Lets a job of `items` begin, or throws ConcurrencyLimitError or GenerationLimitError. Comes after
 * `waitForOthers`; locks the month's row.
 */
export async function admitJob(
  tx: EntityManager,
  tenantId: string,
  items: number,
  path: readonly string[],
): Promise<void> {
  const [standing] = await tx.execute<Standing[]>(standingSql.replace('$1', '?'), [tenantId])
  if (!standing) throw new Error(`There is no tenant ${tenantId}`)
  const { planTier, unfinished, usedThisMonth } = standing
  const { concurrentJobsLimit, monthlyGenerationLimit } = plans[planTier]
  if (unfinished >= concurrentJobsLimit) {
    throw new ConcurrencyLimitError(concurrentJobsLimit, unfinished)
  }
  if (await countGenerations(tx, tenantId, items)) return
  const resetsAt = nextMonth(new Date())
  const monthlyLimit = monthlyGenerationLimit ?? 0
  throw new GenerationLimitError(items, { monthlyLimit, usedThisMonth, resetsAt }, path)
}

/** In UTC, as months are counted. */
function nextMonth(now: Date): Date {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1))
}
