import { expect } from 'vitest'
import { type Finding, newChecked } from '../../src/features/recovery/finding.ts'
import { listTenantIds, verifyIntegrity } from '../../src/features/recovery/verify-integrity.ts'
import type { TestGateway } from './gateway.ts'

/** What `gateway fsck` finds in all tenants, and how much it looked at. */
export async function verify({ services: { database, zerodb } }: TestGateway) {
  const deps = { database, zerodb, signal: AbortSignal.timeout(30_000), checked: newChecked() }
  const findings: Finding[] = []
  const tenantIds = await listTenantIds(database)
  for await (const finding of verifyIntegrity(deps, tenantIds)) findings.push(finding)
  return { findings, checked: deps.checked }
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
