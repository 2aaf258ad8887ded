import { releaseIntents } from '../writing/abort-writes.ts'
import { removePurged } from '../editing/collect-purged.ts'
import { sweepTenant } from '../writing/sweep-writes.ts'
import { recalculateUsage } from '../quota/recalculate-usage.ts'
import { checkWrites } from './check-writes.ts'
import type { Finding, RepairDeps, RepairKind, TenantDeps } from './finding.ts'
import { sendAgain } from './repair-copy.ts'
import { deleteOrphans } from './repair-orphans.ts'
import { insertMissingEvents } from './repair-outbox.ts'

/** Where repairs come from, for the audit. */
export const repairOrigin = { requestId: 'task:fsck', ip: null, apiKeyId: null }

/** Looks at what it repairs once more, under a lock or past the moment of danger, and then acts. */
type Repair = (
  deps: RepairDeps,
  tenant: TenantDeps,
  findings: readonly Finding[],
) => Promise<unknown>

/** In this order: what the sweeper takes is no orphan any more, and usage is settled by all others. */
const repairs: Record<RepairKind, Repair> = {
  sweep: sweepDead,
  purge: ({ database, zerodb, signal }, { tenantId }, findings) =>
    removePurged({ database, zerodb, signal, tenantId }, idsOf(findings, 'contentId')),
  orphan: deleteOrphans,
  outbox: insertMissingEvents,
  copy: sendAgain,
  usage: ({ database }, { tenantId }) =>
    recalculateUsage({ database, userId: null, origin: repairOrigin }, tenantId),
}

/** Puts right what a tenant's findings tell of. */
export async function repairFindings(
  deps: RepairDeps,
  tenant: TenantDeps,
  findings: readonly Finding[],
): Promise<void> {
  for (const [kind, repair] of Object.entries(repairs)) {
    const ofKind = findings.filter((finding) => finding.repair === kind)
    if (ofKind.length > 0) await repair(deps, tenant, ofKind)
  }
}

/** A sweep takes so many at most: another follows while each leaves fewer. */
async function sweepDead(
  deps: RepairDeps,
  tenant: TenantDeps,
  findings: readonly Finding[],
): Promise<void> {
  const { tenantId } = tenant
  const intentIds = idsOf(findings, 'intentId')
  await deps.database.transaction(tenantId, (tx) => releaseIntents(tx, tenantId, intentIds))
  for (let left = Infinity; left > 0;) {
    await sweepTenant(deps, tenantId)
    const dead = await countDead(tenant)
    if (dead >= left) return
    left = dead
  }
}

async function countDead(tenant: TenantDeps): Promise<number> {
  let dead = 0
  for await (const { repair } of checkWrites(tenant)) if (repair === 'sweep') dead++
  return dead
}

function idsOf(findings: readonly Finding[], name: string): string[] {
  return findings.map(({ subject }) => String(subject[name]))
}
