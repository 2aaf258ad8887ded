import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { newId } from '../../../src/lib/id.ts'
import { openKeyManager } from '../../../src/platform/key-manager.ts'
import { createVault, type SecretPlace, type Sealed } from '../../../src/platform/vault.ts'
import { canary } from '../../support/canaries.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { type Kms, startKms } from '../../support/kms.ts'
import { runProgram, storesOf, temporaryDirectory } from '../../support/program.ts'

const tenantCount = process.env['LONG'] ? 10_000 : 200
const kills = process.env['LONG'] ? 10 : 3

interface Kept {
  place: SecretPlace
  sealed: Sealed
  secret: string
}

/** Tenants with nothing but a secret each. */
async function keepSecrets({ database, services }: TestGateway): Promise<Kept[]> {
  const { rows } = await database.admin.query<{ id: string }>(
    `insert into tenants (id, name) select gen_random_uuid(), n::text
     from generate_series(1, $1::integer) n returning id`,
    [tenantCount],
  )
  const kept: Kept[] = []
  for (const { id: tenantId } of rows) {
    const place: SecretPlace = { tenantId, purpose: 'llmKey', id: newId() }
    const secret = canary('rotated')
    kept.push({ place, secret, sealed: await services.vault.seal(place, secret) })
  }
  return kept
}

/** The command over the database of `gateway`. */
function rotate(gateway: TestGateway, env: Record<string, string>) {
  return runProgram(['rotate-keys'], {
    ...storesOf(gateway),
    AUTH_ISSUER: 'nobody',
    AUTH_JWKS_URL: 'http://127.0.0.1:1/never-asked',
    ...env,
  })
}

async function countUnder({ database }: TestGateway, masterKey: string): Promise<number> {
  const { rows } = await database.admin.query<{ count: number }>(
    'select count(*)::integer as count from data_keys where master_key = $1',
    [masterKey],
  )
  return rows[0]?.count ?? 0
}

/** Opens one secret after the other until disposed, each with a fresh look at its data key. */
async function useMeanwhile({ services, neighbours }: TestGateway, kms: Kms, kept: Kept[]) {
  const { database, log } = services
  const keyManager = await openKeyManager({ ...neighbours.masterKeys, ...kms.masterKeys })
  const vault = createVault({ database, log, keyManager, maxAgeMs: 1 })
  const stop = new AbortController()
  const done = { uses: 0, failures: [] as unknown[] }
  const running = (async () => {
    for (let index = 0; !stop.signal.aborted; index = (index + 7) % kept.length) {
      const { place, sealed, secret } = kept[index] as Kept
      const found = await vault.open(place, sealed).catch((error: unknown) => error)
      if (found === secret) done.uses++
      else done.failures.push(found)
    }
  })()
  return {
    done,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
      await keyManager[Symbol.asyncDispose]()
    },
  }
}

test(
  `${tenantCount} data keys move to another key service under use, though it is killed ${kills} times`,
  async () => {
    await using gateway = await startGateway()
    await using kms = await startKms()
    const kept = await keepSecrets(gateway)
    const { keyName } = kms.masterKeys.kms
    const before = await gateway.database.admin.query('select id from data_keys order by id')
    await using use = await useMeanwhile(gateway, kms, kept)
    // So slow that a kill finds it in the midst of its work.
    kms.delayMs = 20

    for (let kill = 1; kill <= kills; kill++) {
      const goal = (tenantCount / (kills + 1)) * (kill - 0.5)
      await using program = rotate(gateway, kms.env)
      await expect
        .poll(() => countUnder(gateway, keyName), { timeout: 20_000, interval: 5 })
        .toBeGreaterThan(goal)
      program.child.kill('SIGKILL')
      expect(await program.exited).toBe(null)
      expect(await countUnder(gateway, keyName)).toBeLessThan(tenantCount)
    }
    await using first = rotate(gateway, kms.env)
    await using second = rotate(gateway, kms.env)
    expect([await first.exited, await second.exited]).toEqual([0, 0])

    expect(first.output()).toMatch(
      /^No data key needs another master key: .+ it may be removed\.$/m,
    )
    expect(await countUnder(gateway, keyName)).toBe(tenantCount)
    expect(
      (await gateway.database.admin.query('select id from data_keys order by id')).rows,
    ).toEqual(before.rows)
    kms.delayMs = 0
    expect(use.done.failures).toEqual([])
    expect(use.done.uses).toBeGreaterThan(0)
    // Without the old master key every secret still opens.
    const { database, log } = gateway.services
    await using keyManager = await openKeyManager(kms.masterKeys)
    const vault = createVault({ database, log, keyManager })
    for (const { place, sealed, secret } of kept)
      expect(await vault.open(place, sealed)).toBe(secret)
    await using again = rotate(gateway, kms.env)
    expect(await again.exited).toBe(0)
    expect(again.output()).toContain('0 of 0 data keys rewrapped')
  },
  process.env['LONG'] ? 1_800_000 : 120_000,
)

test('a data key that does not open is told, and the others are rewrapped', async () => {
  await using gateway = await startGateway()
  await using directory = await temporaryDirectory()
  const tenants = [await gateway.newTenant(), await gateway.newTenant(), await gateway.newTenant()]
  for (const { id: tenantId } of tenants) {
    await gateway.services.vault.seal({ tenantId, purpose: 'llmKey', id: newId() }, canary('x'))
  }
  const [damaged, lost] = tenants.map(({ id }) => id)
  const { admin } = gateway.database
  await admin.query(
    `update data_keys set wrapped_key = 'v1.' || repeat('A', 80) where tenant_id = $1`,
    [damaged],
  )
  await admin.query(`update data_keys set master_key = 'lost' where tenant_id = $1`, [lost])
  const file = join(directory.path, 'keys.json')
  const { keys } = JSON.parse(await readFile(inject('masterKeysFile'), 'utf8')) as { keys: object }
  const next = { ...keys, next: randomBytes(32).toString('base64') }
  await writeFile(file, JSON.stringify({ current: 'next', keys: next }))

  await using program = rotate(gateway, { MASTER_KEYS_FILE: file })

  expect(await program.exited).toBe(1)
  const lines = program.output().trimEnd().split('\n')
  expect(lines[0]).toBe('1 of 3 data keys rewrapped under next')
  expect(lines).toContain(`tenantId=${lost}: the master key lost is not in the file`)
  expect(lines).toContain(
    `tenantId=${damaged}: A sealed text does not open: it was altered, or belongs elsewhere.`,
  )
  expect(lines.at(-1)).toBe('2 data keys could not be rewrapped. Keep every master key.')
  expect(await countUnder(gateway, 'next')).toBe(1)
})

test('without PostgreSQL nothing can be done, and the exit code says so', async () => {
  await using gateway = await startGateway()
  const nowhere = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' }
  await using program = rotate(gateway, nowhere)

  expect(await program.exited).toBe(2)
  expect(program.output()).toMatch(/^Could not rotate keys: PostgreSQL: /m)
})
