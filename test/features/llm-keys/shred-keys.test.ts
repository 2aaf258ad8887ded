import { expect, test } from 'vitest'
import { newId } from '../../../src/lib/id.ts'
import { openKeyManager } from '../../../src/platform/key-manager.ts'
import { createVault, type SecretPlace } from '../../../src/platform/vault.ts'
import { canary } from '../../support/canaries.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { runProgram, storesOf } from '../../support/program.ts'

/** The command over the stores of `gateway`; its exit status and what it said. */
async function shred(gateway: TestGateway, ...args: string[]) {
  await using program = runProgram(['shred-keys', ...args], {
    ...storesOf(gateway),
    AUTH_ISSUER: 'nobody',
    AUTH_JWKS_URL: 'http://127.0.0.1:1/never-asked',
  })
  const code = await program.exited
  return { code, output: program.output() }
}

async function countOf({ database }: TestGateway, table: string, tenantId: string) {
  const { rows } = await database.admin.query<{ count: number }>(
    `select count(*)::int as count from ${table} where tenant_id = $1`,
    [tenantId],
  )
  return rows[0]?.count
}

test('what was sealed for a tenant whose keys are shredded opens nowhere; others and the audit stay', async () => {
  await using gateway = await startGateway()
  const [leaving, staying] = [await gateway.newTenant(), await gateway.newTenant()]
  const places = [leaving, staying].map(({ id }): SecretPlace => ({
    tenantId: id,
    purpose: 'llmKey',
    id: newId(),
  }))
  const secret = canary('shredded')
  const sealed = await Promise.all(
    places.map(async (place) => ({
      place,
      copy: await gateway.services.vault.seal(place, secret),
    })),
  )

  const hesitant = await shred(gateway, '--tenant', leaving.id)
  expect(hesitant).toMatchObject({
    code: 1,
    output: expect.stringContaining('Nothing was changed'),
  })
  expect(await countOf(gateway, 'data_keys', leaving.id)).toBe(1)
  const done = await shred(gateway, '--tenant', leaving.id, '--for-ever')
  expect(done).toMatchObject({ code: 0, output: expect.stringContaining('1 data keys') })

  // As a process that begins now.
  const { database, log } = gateway.services
  const keyManager = await openKeyManager(gateway.neighbours.masterKeys)
  const vault = createVault({ database, log, keyManager })
  const opened = await Promise.allSettled(sealed.map(({ place, copy }) => vault.open(place, copy)))
  expect(opened).toMatchObject([{ status: 'rejected' }, { status: 'fulfilled', value: secret }])
  expect(await countOf(gateway, 'data_keys', leaving.id)).toBe(0)
  expect(await countOf(gateway, 'data_keys', staying.id)).toBe(1)
  const { rows } = await gateway.database.admin.query(
    `select action, subject_type from audit_events where tenant_id = $1 and action = 'shredKeys'`,
    [leaving.id],
  )
  expect(rows).toEqual([{ action: 'shredKeys', subject_type: 'Tenant' }])
})
