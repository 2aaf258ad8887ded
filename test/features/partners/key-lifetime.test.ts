import { expect, test, vi } from 'vitest'
import {
  createTestKey,
  revokeTestKey,
  rotateTestKey,
  tryToRotateKey,
} from '../../support/api-keys.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { socketClient, streamClient, subscribe } from '../../support/live.ts'

const asking = '{ viewer { scopes } }'
const watching = 'subscription { quotaChanged { sequence } }'
const watcher = { scopes: ['CONTENT_READ' as const, 'QUOTA_READ' as const] }
/** Five seconds, and what a busy machine takes. */
const soon = { timeout: 8_000, interval: 50 }

async function statusOf(gateway: TestGateway, key: string): Promise<number> {
  return (await gateway.query(key, asking)).status
}

test('a revoked key ends everywhere within five seconds, with its sockets and streams', async () => {
  await using gateway = await startGateway()
  await using twin = await gateway.startTwin()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant, watcher)
  const other = await createTestKey(gateway, tenant, watcher)
  using sockets = socketClient(twin.url, key.secret)
  using streams = streamClient(twin.url, key.secret)
  using others = socketClient(twin.url, other.secret)
  const [onSocket, onStream, unaffected] = [sockets, streams, others].map((client) =>
    subscribe(client, watching),
  )
  for (const each of [onSocket, onStream, unaffected]) {
    await vi.waitFor(() => expect(each?.results).toHaveLength(1), soon)
  }
  expect(await statusOf(twin, key.secret)).toBe(200)

  const revoked = await revokeTestKey(gateway, tenant, key)
  const since = performance.now()

  expect(revoked).toMatchObject({ __typename: 'ApiKeySuccess', secret: null })
  await expect.poll(() => statusOf(twin, key.secret), soon).toBe(401)
  await vi.waitFor(() => expect(onSocket?.failure).toMatchObject({ code: 4403 }), soon)
  await vi.waitFor(
    () =>
      expect(onStream?.results.at(-1)?.errors?.[0]?.extensions).toEqual({
        code: 'UNAUTHENTICATED',
      }),
    soon,
  )
  expect(await statusOf(gateway, key.secret)).toBe(401)
  expect(performance.now() - since).toBeLessThan(soon.timeout)
  expect(unaffected?.failure).toBeUndefined()
  expect(await statusOf(twin, other.secret)).toBe(200)
  expect(await tryToRotateKey(gateway, tenant, { id: key.id, overlapSeconds: 60 })).toMatchObject({
    __typename: 'ValidationError',
  })
})

test('a key stops with its time, and what it has open too', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const expiresAt = new Date(Date.now() + 2_500).toISOString()
  const key = await createTestKey(gateway, tenant, { ...watcher, expiresAt })
  using sockets = socketClient(gateway.url, key.secret)
  const open = subscribe(sockets, watching)
  await vi.waitFor(() => expect(open.results).toHaveLength(1), soon)
  expect(await statusOf(gateway, key.secret)).toBe(200)

  await expect.poll(() => statusOf(gateway, key.secret), soon).toBe(401)
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt))
  await vi.waitFor(() => expect(open.failure).toMatchObject({ code: 4403 }), soon)
  expect(await tryToRotateKey(gateway, tenant, { id: key.id, overlapSeconds: 60 })).toMatchObject({
    __typename: 'ValidationError',
  })
})

test('what a key may do changes within five seconds, and what it has open is closed', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant, watcher)
  using sockets = socketClient(gateway.url, key.secret)
  const open = subscribe(sockets, watching)
  await vi.waitFor(() => expect(open.results).toHaveLength(1), soon)

  await gateway.database.admin.query(`update api_keys set brand_ids = '{}'`)

  await vi.waitFor(() => expect(open.failure).toMatchObject({ code: 4403 }), soon)
  const brandsOf = async () =>
    (
      await gateway.query<{ viewer: { brands: unknown[] } }, object>(
        key.secret,
        '{ viewer { brands { name } } }',
      )
    ).data?.viewer.brands
  await expect.poll(brandsOf, soon).toEqual([])
})

test('after a rotation both secrets are good for the overlap, then the new one alone', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const first = await createTestKey(gateway, tenant)
  const second = await rotateTestKey(gateway, tenant, first, 3)
  const until = Date.now() + 3_000
  expect(second.id).toBe(first.id)
  expect(second.secret.slice(0, 40)).toBe(first.secret.slice(0, 40))
  expect([await statusOf(gateway, first.secret), await statusOf(gateway, second.secret)]).toEqual([
    200, 200,
  ])

  await expect.poll(() => statusOf(gateway, first.secret), soon).toBe(401)

  expect(Date.now()).toBeGreaterThanOrEqual(until - 100)
  expect(await statusOf(gateway, second.secret)).toBe(200)
})

test('a rotation without overlap, or a second one, leaves the first secret no time', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const first = await createTestKey(gateway, tenant)
  const second = await rotateTestKey(gateway, tenant, first, 0)
  const third = await rotateTestKey(gateway, tenant, second, 604_800)
  await using twin = await gateway.startTwin()
  const statuses = [first, second, third].map(({ secret }) => statusOf(twin, secret))
  expect(await Promise.all(statuses)).toEqual([401, 200, 200])
  for (const overlapSeconds of [-1, 604_801]) {
    const result = await tryToRotateKey(gateway, tenant, { id: first.id, overlapSeconds })
    expect(result).toMatchObject({ __typename: 'ValidationError' })
  }
})

test('while PostgreSQL is away nobody is told that their key is bad', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant)
  const struck = await gateway.startTwin({
    LOG_LEVEL: 'silent',
    DATABASE_STATEMENT_TIMEOUT_MS: '200',
  })
  await using _struck = struck
  const client = await gateway.database.admin.connect()
  await client.query('begin; lock table api_keys in access exclusive mode')
  const { status, errors } = await struck.query(key.secret, asking)
  await client.query('rollback').finally(() => client.release())

  expect(status).not.toBe(401)
  expect(errors?.[0]?.extensions).not.toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(await statusOf(struck, key.secret)).toBe(200)
})
