import type { Database } from '../../platform/postgres/database.ts'
import { limitJson } from '../quota/plan-tiers.ts'

export interface CleanUpDeps {
  database: Database
  signal: AbortSignal
}

/** Where the plan keeps contents for ever, jobs are still not of interest for so long. */
const longestDays = 365

const retentionDays = limitJson((plan) => plan.retentionDays ?? longestDays)
const shortestDays = Math.min(...Object.values(JSON.parse(retentionDays) as Record<string, number>))

/** Per tenant and pass; what is left over is found by the next pass. */
const batchSize = 100

const overdueSql = `j.completed_at < now() - make_interval(days => (?::jsonb ->> t.plan_tier)::integer)`

/**
 * Deletes jobs and their items that have been over for as long as the plan keeps things (E-131). What
 * they made stays, and how it was generated. Safe to run anywhere, any time.
 */
export async function cleanUpJobs({ database, signal }: CleanUpDeps): Promise<void> {
  const tenants = await database.reads.asSystem().rows<{ tenantId: string }>(
    `select distinct tenant_id as "tenantId" from content_generation_jobs
     where completed_at < now() - make_interval(days => $1)`,
    [shortestDays],
  )
  for (const { tenantId } of tenants) {
    const due = await database.reads.forTenant(tenantId, undefined, signal).rows<{ id: string }>(
      `select j.id from content_generation_jobs j join tenants t on t.id = j.tenant_id
       where j.tenant_id = $1 and ${overdueSql.replace('?', '$2')} order by j.completed_at limit $3`,
      [tenantId, retentionDays, batchSize],
    )
    // One at a time: a job may have 50,000 items.
    for (const { id } of due) await cleanUp(database, tenantId, id)
  }
}

/** Unless it was opened again meanwhile: then it is not over any more. */
async function cleanUp(database: Database, tenantId: string, id: string): Promise<void> {
  await database.transaction(tenantId, (tx) =>
    tx.execute(
      `delete from content_generation_jobs j using tenants t
       where j.tenant_id = ? and j.id = ? and t.id = j.tenant_id and ${overdueSql}`,
      [tenantId, id, retentionDays],
    ),
  )
}
