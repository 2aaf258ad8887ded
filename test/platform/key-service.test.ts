import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { newId } from '../../src/lib/id.ts'
import { openKeyManager } from '../../src/platform/key-manager.ts'
import { createVault, type SecretPlace, type Vault } from '../../src/platform/vault.ts'
import { canary, expectNoCanaries } from '../support/canaries.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Kms, startKms } from '../support/kms.ts'

const unavailable = { name: 'KeyServiceUnavailableError', code: 'KEY_SERVICE_UNAVAILABLE' }

interface World extends AsyncDisposable {
  gateway: TestGateway
  kms: Kms
  vault: Vault
  place: SecretPlace
}

/** A tenant of a gateway over a key service; data keys are kept in memory for `maxAgeMs`. */
async function openWorld(maxAgeMs?: number): Promise<World> {
  await using opened = new AsyncDisposableStack()
  const gateway = opened.use(await startGateway({ LOG_LEVEL: 'silent' }))
  const kms = opened.use(await startKms())
  const keyManager = opened.use(await openKeyManager(kms.masterKeys))
  const { id: tenantId } = await gateway.newTenant()
  const { database, log } = gateway.services
  const options = { database, log, keyManager, ...(maxAgeMs !== undefined && { maxAgeMs }) }
  const owned = opened.move()
  return {
    gateway,
    kms,
    vault: createVault(options),
    place: { tenantId, purpose: 'llmKey', id: newId() },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

const outages = [
  ['answers 500', (kms: Kms) => (kms.status = 500)],
  ['refuses us', (kms: Kms) => (kms.status = 403)],
  ['takes five seconds', (kms: Kms) => (kms.delayMs = 5_000)],
] as const

test.for(outages)('while the key service %s, what is in memory still opens', async ([, strike]) => {
  await using world = await openWorld()
  const { vault, place, kms } = world
  const secret = canary('cached')
  const sealed = await vault.seal(place, secret)
  const asked = kms.calls

  strike(kms)

  expect(await vault.open(place, sealed)).toBe(secret)
  const again = await vault.seal(place, secret)
  expect(await vault.open(place, again)).toBe(secret)
  expect(kms.calls).toBe(asked)
})

test.for(outages)(
  'while the key service %s, nothing else opens, is kept or leaks',
  async ([, strike]) => {
    await using world = await openWorld(1)
    const { vault, place, kms, gateway } = world
    const secret = canary('uncached')
    const sealed = await vault.seal(place, secret)
    const newcomer = { ...place, tenantId: (await gateway.newTenant()).id }

    strike(kms)

    // A millisecond later even the fastest machine has forgotten the key.
    const failures = [
      await failureOf(() => vault.open(place, sealed)),
      await failureOf(() => vault.seal(place, secret)),
      await failureOf(() => vault.seal(newcomer, secret)),
    ]
    for (const failure of failures) {
      expect(failure).toMatchObject(unavailable)
      expectNoCanaries(inspect(failure, { depth: 10 }) + JSON.stringify(failure), 'an error')
    }
    const { rows } = await gateway.database.admin.query('select tenant_id from data_keys')
    expect(rows).toEqual([{ tenant_id: place.tenantId }])

    Object.assign(kms, { status: 200, delayMs: 0 })
    await expect
      .poll(() => vault.open(place, sealed).catch(() => undefined), { timeout: 10_000 })
      .toBe(secret)
  },
)

/** What it came to, once the data key has left the memory. */
async function failureOf(attempt: () => Promise<unknown>): Promise<unknown> {
  const deadline = performance.now() + 1
  while (performance.now() <= deadline) continue
  return attempt().then(
    () => undefined,
    (error: unknown) => error,
  )
}

test('many at once make one data key for a tenant, and ask for it once', async () => {
  await using world = await openWorld()
  const { vault, place, kms, gateway } = world
  const secrets = Array.from({ length: 50 }, () => canary('many'))
  const places = secrets.map(() => ({ ...place, id: newId() }))

  const sealed = await Promise.all(
    places.map((each, index) => vault.seal(each, secrets[index] ?? '')),
  )

  expect(new Set(sealed.map(({ dataKeyId }) => dataKeyId)).size).toBe(1)
  const { rows } = await gateway.database.admin.query('select from data_keys')
  expect(rows).toHaveLength(1)
  const before = kms.calls
  const { database, log } = gateway.services
  await using keyManager = await openKeyManager(kms.masterKeys)
  const fresh = createVault({ database, log, keyManager })
  const found = await Promise.all(
    places.map((each, index) => fresh.open(each, sealed[index] ?? { dataKeyId: '', text: '' })),
  )
  expect(found).toEqual(secrets)
  expect(kms.calls).toBe(before + 1)
})

test('a data key moved to another tenant does not open there', async () => {
  await using world = await openWorld(1)
  const { vault, place, gateway } = world
  const sealed = await vault.seal(place, canary('moved'))
  const other = await gateway.newTenant()
  await gateway.database.admin.query('update data_keys set tenant_id = $1', [other.id])

  const elsewhere = { ...place, tenantId: other.id }
  await expect(vault.open(elsewhere, sealed)).rejects.toMatchObject(unavailable)
})
