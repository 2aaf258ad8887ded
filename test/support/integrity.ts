import { expect } from 'vitest'
import { type Finding, newChecked } from '../../src/features/recovery/finding.ts'
import { repairIntegrity } from '../../src/features/recovery/repair-integrity.ts'
import { listTenantIds, verifyIntegrity } from '../../src/features/recovery/verify-integrity.ts'
import type { TestGateway } from './gateway.ts'

/** What `gateway fsck` finds in all tenants, and how much it looked at. */
export async function verify(gateway: TestGateway) {
  const deps = depsOf(gateway)
  const tenantIds = await listTenantIds(deps.database)
  const findings = await Array.fromAsync(verifyIntegrity(deps, tenantIds))
  return { findings, checked: deps.checked }
}

/** The same of `gateway fsck --repair`; puts what it finds into `findings` one by one. */
export async function repair(gateway: TestGateway, findings: Finding[] = []) {
  const deps = depsOf(gateway)
  const tenantIds = await listTenantIds(deps.database)
  for await (const finding of repairIntegrity(deps, tenantIds)) findings.push(finding)
  return { findings, checked: deps.checked, rechecked: deps.rechecked }
}

function depsOf({ services: { database, zerodb, bigquery } }: TestGateway) {
  const signal = AbortSignal.timeout(300_000)
  return { database, zerodb, bigquery, signal, checked: newChecked(), rechecked: newChecked() }
}

export async function expectIntact(gateway: TestGateway): Promise<void> {
  const { findings } = await verify(gateway)
  expect(findings).toEqual([])
}

/** As if a minute, or a day, had passed since writers took their leases. */
export async function expireLeases(gateway: TestGateway, hours = 0): Promise<void> {
  await gateway.database.admin.query(
    `update content_write_intents
     set lease_expires_at = now() - make_interval(hours => $1) - interval '1 second'`,
    [hours],
  )
}
