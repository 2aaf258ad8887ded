import { recordAudit } from '../tenancy/record-audit.ts'
import type { Finding, RepairDeps } from './finding.ts'
import { repairFindings, repairOrigin } from './repair-findings.ts'
import { type MeasuredTenant, measureTenants, verifyTenant } from './verify-integrity.ts'

/**
 * Checks as `verifyIntegrity` does, puts right what takes no guess, and checks a repaired tenant once
 * more: a finding counts as repaired when it is not found again. Safe to run beside writers. Holds
 * the findings of one tenant.
 */
export async function* repairIntegrity(
  deps: RepairDeps,
  tenantIds: readonly string[],
): AsyncGenerator<Finding, void> {
  for (const tenant of await measureTenants(deps, tenantIds)) yield* repairTenant(deps, tenant)
}

async function* repairTenant(
  deps: RepairDeps,
  tenant: MeasuredTenant,
): AsyncGenerator<Finding, void> {
  const yielded = new Set<string>()
  const repairable = new Map<string, Finding>()
  for await (const finding of verifyTenant(tenant)) {
    if (finding.repair) {
      repairable.set(nameOf(finding), finding)
      continue
    }
    yielded.add(nameOf(finding))
    yield finding
  }
  if (repairable.size === 0) return
  const findings = [...repairable.values()]
  try {
    await repairFindings(deps, tenant, findings)
  } catch (error) {
    yield* findings
    throw error
  }
  const [again] = await measureTenants({ ...deps, checked: deps.rechecked }, [tenant.tenantId])
  if (!again) return
  for await (const finding of verifyTenant(again)) {
    if (yielded.has(nameOf(finding))) continue
    repairable.delete(nameOf(finding))
    yield finding
  }
  const repaired = [...repairable.values()]
  await recordRepair(deps, tenant.tenantId, findings, repaired)
  for (const finding of repaired) yield { ...finding, repaired: true }
}

/** Without the message: what it says of a counter may have changed meanwhile. */
function nameOf({ invariant, subject, repair }: Finding): string {
  return `${invariant} ${repair ?? 'none'} ${JSON.stringify(subject)}`
}

async function recordRepair(
  { database }: RepairDeps,
  tenantId: string,
  findings: readonly Finding[],
  repaired: readonly Finding[],
): Promise<void> {
  const by = { tenantId, userId: null, origin: repairOrigin }
  const subject = { type: 'Tenant', id: tenantId }
  const after = { repaired: countByKind(repaired) }
  const event = {
    action: 'repairIntegrity',
    subject,
    before: { found: countByKind(findings) },
    after,
  }
  await database.transaction(tenantId, (tx) => recordAudit(tx, by, [event]))
}

function countByKind(findings: readonly Finding[]): Record<string, number> {
  const byKind = Map.groupBy(findings, ({ repair }) => repair)
  return Object.fromEntries(Array.from(byKind, ([kind, { length }]) => [kind, length]))
}
