import { limitJson, plans } from '../quota/plan-tiers.ts'
import { purge } from './purge-content.ts'
import type { SweepDeps } from '../writing/sweep-writes.ts'

/** Per tenant and pass; what is left over is found by the next pass. */
const batchSize = 100

/** Purges what has been in the trash for as long as the tenant's plan keeps it (E-087, E-131). */
export async function purgeTrash(deps: SweepDeps): Promise<void> {
  const tenants = await deps.database.reads.asSystem().rows<{ tenantId: string }>(
    `select distinct tenant_id as "tenantId" from content_items
       where deleted_at < now() - make_interval(days => $1)`,
    [shortestRetention],
  )
  for (const { tenantId } of tenants) await purgeTrashOf(deps, tenantId)
}

const shortestRetention = Math.min(
  ...Object.values(plans).map(({ retentionDays }) => retentionDays ?? Infinity),
)

async function purgeTrashOf({ database, zerodb, signal }: SweepDeps, tenantId: string) {
  const due = await database.reads.forTenant(tenantId).rows<{ id: string }>(
    `select c.id from content_items c join tenants t on t.id = c.tenant_id
     where c.tenant_id = $1 and c.deleted_at < now() - make_interval(
       days => ($2::jsonb ->> t.plan_tier)::integer
     )
     order by c.deleted_at limit $3`,
    [tenantId, limitJson(({ retentionDays }) => retentionDays), batchSize],
  )
  const viewer = { userId: null, brandIds: null }
  const origin = { requestId: 'task:purgeTrash', ip: null, apiKeyId: null }
  for (const { id } of due) {
    signal.throwIfAborted()
    const reason = 'It was in the trash for as long as the plan keeps it.'
    await purge({ database, zerodb, signal, tenantId, viewer, origin }, id, reason)
  }
}
