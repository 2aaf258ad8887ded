import { expect, test, vi } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startMetricsServer } from '../support/metrics-server.ts'
import { startBehindProxy } from '../support/proxied.ts'

/** What a probe is answered. */
async function probe(path: string, url: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(new URL(path, url))
  return { status: response.status, body: await response.json() }
}

const wait = { timeout: 10_000, interval: 100 }

test('/health answers as the older API did', async () => {
  await using gateway = await startGateway()
  const { status, body } = await probe('/health', gateway.url)
  expect(status).toBe(200)
  expect(body).toEqual({
    status: 'healthy',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    version: '2.0.0',
  })
  expect(await probe('/livez', gateway.url)).toEqual({ status: 200, body: { status: 'ok' } })
})

test('/readyz tells of each neighbour, and without ZeroDB the instance is ready all the same', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  expect(await probe('/readyz', gateway.url)).toEqual({
    status: 200,
    body: {
      status: 'ready',
      postgres: 'healthy',
      zerodb: 'healthy',
      bigquery: 'healthy',
      identityProvider: 'mock',
    },
  })
  await using behind = await startBehindProxy(gateway, 'zerodb')
  behind.proxy.faults = { refuse: true }
  behind.proxy.resetAll()
  await vi.waitUntil(async () => {
    const { status, body } = await probe('/readyz', behind.twin.url)
    expect(status).toBe(200)
    return (body as { zerodb: string }).zerodb === 'down'
  }, wait)
  behind.proxy.faults = {}
  await vi.waitUntil(async () => {
    const { body } = await probe('/readyz', behind.twin.url)
    return (body as { zerodb: string }).zerodb !== 'down'
  }, wait)
})

test('without PostgreSQL the instance is not ready, and is again when it is back', async () => {
  await using gateway = await startGateway()
  await using behind = await startBehindProxy(gateway, 'postgres')
  const statusOf = async () => (await probe('/readyz', behind.twin.url)).status
  expect(await statusOf()).toBe(200)
  behind.proxy.faults = { refuse: true }
  behind.proxy.resetAll()
  await vi.waitUntil(async () => (await statusOf()) === 503, wait)
  const { body } = await probe('/readyz', behind.twin.url)
  expect(body).toMatchObject({ status: 'not ready', postgres: 'down', zerodb: 'healthy' })
  expect((await probe('/livez', behind.twin.url)).status).toBe(200)
  behind.proxy.faults = {}
  await vi.waitUntil(async () => (await statusOf()) === 200, wait)
})

test('an instance whose connections are all busy is ready', async () => {
  await using gateway = await startGateway({ DATABASE_POOL_SIZE: '1' })
  const { database } = gateway.services
  const tenant = await gateway.newTenant()
  const crowd = Array.from({ length: 3 }, async () => {
    for (let turn = 0; turn < 6; turn++) {
      // Some of them wait for a connection in vain.
      const reads = database.reads.forTenant(tenant.id)
      await reads.rows('select pg_sleep(0.3)', []).catch(() => {})
    }
  })
  for (let look = 0; look < 4; look++) {
    expect(await probe('/readyz', gateway.url)).toMatchObject({ status: 200 })
  }
  await Promise.all(crowd)
})

test('an instance that stops is alive and not ready', async () => {
  await using gateway = await startGateway()
  await using metrics = await startMetricsServer(gateway.services)
  expect((await probe('/readyz', metrics.url)).status).toBe(200)
  metrics.stop.abort()
  expect(await probe('/readyz', metrics.url)).toEqual({
    status: 503,
    body: { status: 'stopping' },
  })
  expect((await probe('/livez', metrics.url)).status).toBe(200)
})
