import { expect, test, vi } from 'vitest'
import { createTestContents } from '../../support/contents.ts'
import { type Answer, startGateway, type TestGateway } from '../../support/gateway.ts'

const list = '{ contents(first: 20) { nodes { title preview } } }'
const pageOfBodies = '{ contents(first: 20) { nodes { title body { raw } } } }'

/** While it is held every statement about contents waits. */
async function lockContents({ database }: TestGateway) {
  const client = await database.admin.connect()
  await client.query('begin')
  await client.query('lock table content_items in access exclusive mode')
  return {
    async [Symbol.asyncDispose]() {
      await client.query('rollback')
      client.release()
    },
  }
}

/** Connections of gateways on which something is under way. */
async function busyConnections({ database }: TestGateway): Promise<number> {
  const { rows } = await database.admin.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where datname = current_database() and application_name = 'content-gateway' and state <> 'idle'`,
  )
  return rows[0]?.count ?? 0
}

async function timed(asking: Promise<Answer<unknown>>) {
  const startedAt = performance.now()
  const answer = await asking
  return { answer, ms: performance.now() - startedAt }
}

test('while a slow statement holds every connection callers are told within a second to come back, and all is well soon after', async () => {
  await using gateway = await startGateway({ DATABASE_POOL_SIZE: '4' })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 20)
  const ready = new URL('/readyz', gateway.url)
  let holders: Promise<Answer<unknown>>[]
  {
    await using _lock = await lockContents(gateway)
    holders = Array.from({ length: 4 }, () => gateway.query(tenant, list))
    await vi.waitFor(async () => expect(await busyConnections(gateway)).toBe(4))

    const others = Array.from({ length: 200 }, () => timed(gateway.query(tenant, list)))
    const readiness = fetch(ready)
    const told = await Promise.all(others)

    for (const { answer } of told) {
      expect(answer.status).toBe(503)
      expect(answer.errors).toMatchObject([
        { extensions: { code: 'OVERLOADED', retryAfterMs: expect.any(Number) } },
      ])
    }
    // A second, and what a busy machine takes for two hundred answers.
    expect(Math.max(...told.map(({ ms }) => ms))).toBeLessThan(3_000)
    expect((await readiness).status).toBe(503)
    const refusal = await fetch(gateway.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${tenant.tokens.owner}`,
      },
      body: JSON.stringify({ query: list }),
    })
    expect(refusal.headers.get('retry-after')).toBe('1')
  }

  for (const { data } of await Promise.all(holders)) expect(data).toBeTruthy()
  const after = await Promise.all(Array.from({ length: 20 }, () => gateway.query(tenant, list)))
  expect(after.map(({ errors }) => errors)).toEqual(after.map(() => undefined))
  expect((await fetch(ready)).status).toBe(200)
  await vi.waitFor(async () => expect(await busyConnections(gateway)).toBe(0))
})

test('a statement whose client has left is ended, and its connection free for others', async () => {
  await using gateway = await startGateway({ DATABASE_POOL_SIZE: '4' })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 20)
  await using _lock = await lockContents(gateway)
  const leaving = new AbortController()
  const asked = Array.from({ length: 20 }, () => ask(gateway, tenant.tokens.owner, list, leaving))
  await vi.waitFor(async () => expect(await busyConnections(gateway)).toBe(4))

  leaving.abort()
  const startedAt = performance.now()
  await Promise.all(asked)
  // Reads another table.
  const { errors } = await gateway.query(tenant, '{ viewer { user { displayName } } }')
  expect(errors).toBeUndefined()
  expect(performance.now() - startedAt).toBeLessThan(1_000)
  await vi.waitFor(async () => expect(await busyConnections(gateway)).toBe(0), { timeout: 3_000 })
})

test('requests whose clients leave at any time leave nothing behind', async () => {
  await using gateway = await startGateway({ BODY_CACHE_MB: '0' })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 20)
  gateway.zerodb.faults.add({ operation: 'query', kind: 'latency', ms: 20 })
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  const count = process.env['LONG'] ? 10_000 : 1_000

  let left = count
  const client = async () => {
    while (left-- > 0) {
      const leaving = new AbortController()
      setTimeout(() => leaving.abort(), Math.random() * 60)
      await ask(gateway, tenant.tokens.owner, pageOfBodies, leaving)
    }
  }
  await Promise.all(Array.from({ length: 50 }, client))

  await vi.waitFor(
    async () => {
      expect(await busyConnections(gateway)).toBe(0)
      expect(gateway.services.zerodb.health()).toMatchObject({ inFlight: 0, queued: 0 })
    },
    { timeout: 1_000, interval: 20 },
  )
  gateway.zerodb.faults.clear()
  const after = await Promise.all(
    Array.from({ length: 20 }, () => gateway.query(tenant, pageOfBodies)),
  )
  expect(after.map(({ errors }) => errors)).toEqual(after.map(() => undefined))
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
}, 120_000)

test('a ZeroDB that hangs is let go as soon as its reader leaves', async () => {
  await using gateway = await startGateway({ BODY_CACHE_MB: '0' })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 20)
  gateway.zerodb.faults.add({ operation: 'query', kind: 'hang' })
  const leaving = new AbortController()
  const asked = ask(gateway, tenant.tokens.owner, pageOfBodies, leaving)
  const { zerodb } = gateway.services
  await vi.waitUntil(() => zerodb.health().inFlight > 0, { interval: 5 })

  leaving.abort()
  const startedAt = performance.now()
  await vi.waitUntil(() => zerodb.health().inFlight === 0, { interval: 5 })
  expect(performance.now() - startedAt).toBeLessThan(500)
  await asked
})

async function ask({ url }: TestGateway, token: string, query: string, leaving: AbortController) {
  await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query }),
    signal: leaving.signal,
  })
    .then((response) => response.text())
    .catch(() => {})
}
