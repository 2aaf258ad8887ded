import { expect, test } from 'vitest'
import { newId } from '../../../src/lib/id.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import { runProgram, storesOf } from '../../support/program.ts'
import { age, createVersions, storedBytes } from '../../support/versions.ts'

/** The command over the stores of `gateway`: what it printed on both streams, and its exit code. */
async function expire(gateway: TestGateway, args: string[] = [], env = {}) {
  await using program = runProgram(['expire-versions', ...args], {
    ...storesOf(gateway),
    AUTH_ISSUER: 'nobody',
    AUTH_JWKS_URL: 'http://127.0.0.1:1/never-asked',
    ...env,
  })
  const code = await program.exited
  return { code, lines: program.output().trimEnd().split('\n') }
}

test('the command says what would go, and removes it when told to', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  await age(gateway, await createVersions(gateway, tenant, 'one', ['1', '22', '333']), 31)
  const line = `tenantId=${tenant.id} versions=2 bytes=3`

  expect(await expire(gateway)).toEqual({
    code: 0,
    lines: [line, '2 versions with 3 bytes of bodies would be removed; --apply removes them'],
  })
  expect(await storedBytes(gateway, tenant)).toBe(6)
  expect(await expire(gateway, ['--tenant', tenant.id, '--apply'])).toEqual({
    code: 0,
    lines: [line, '2 versions with 3 bytes of bodies removed'],
  })
  expect(await storedBytes(gateway, tenant)).toBe(3)
  await expectIntact(gateway)
})

test('what could not be done exits with 2', async () => {
  await using gateway = await startGateway()
  const nobody = newId()

  expect(await expire(gateway, ['--tenant', nobody])).toEqual({
    code: 2,
    lines: [`Could not expire versions: There is no tenant ${nobody}.`],
  })
  const unreachable = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' }
  const { code, lines } = await expire(gateway, ['--apply'], unreachable)
  expect(code).toBe(2)
  expect(lines[0]).toMatch(/^Could not expire versions: /)
})
