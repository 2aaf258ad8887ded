import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { openIssuer } from '../../src/local/issuer.ts'
import { createTestContents } from '../support/contents.ts'
import { startGateway } from '../support/gateway.ts'
import { openBareSocket } from '../support/live.ts'
import { freePort, runProgram, storesOf, temporaryDirectory } from '../support/program.ts'
import { startServer } from '../support/servers.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const timeout = 180_000
const wait = { timeout: 60_000, interval: 100 }
const hello = '{ viewer { tenant { name } } }'

const stores = [
  ['postgres', 'DATABASE_URL', 503],
  ['zerodb', 'ZERODB_API_URL', 200],
  ['bigquery', 'BIGQUERY_API_URL', 200],
] as const

test.for(stores)(
  'a server starts while %s is away, says so, and goes on when it is there',
  { timeout },
  async ([store, setting, status]) => {
    await using gateway = await startGateway(undefined, { bigquery: true })
    const tenant = await gateway.newTenant()
    const address = new URL(storesOf(gateway)[setting] ?? '')
    await using proxy = await startTcpProxy({
      host: address.hostname,
      port: Number(address.port),
    })
    proxy.faults = { refuse: true }
    address.host = `127.0.0.1:${proxy.port}`
    const setTo = address.href.replace(/\/$/, '')
    await using server = await startServer(gateway, { [setting]: setTo })
    await vi.waitUntil(async () => (await server.readiness()).body[store] === 'down', wait)
    expect((await server.readiness()).status).toBe(status)

    proxy.faults = {}
    await vi.waitUntil(async () => {
      const { status: now, body } = await server.readiness()
      return now === 200 && body[store] !== 'down'
    }, wait)
    const token = await server.tokenOf(tenant)
    expect((await server.query(token, hello)).errors).toBeUndefined()
  },
)

test(
  'a server starts while the identity provider is away, and lets people in when it is back',
  { timeout },
  async () => {
    await using gateway = await startGateway()
    const tenant = await gateway.newTenant()
    await using directory = await temporaryDirectory()
    const issuer = await openIssuer(directory.path)
    const claims = { subject: 'owner@test', tenantId: tenant.id, audience: 'content-gateway' }
    const token = await issuer.sign(claims)
    const port = await freePort()
    await using server = await startServer(gateway, {
      AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks.json`,
      AUTH_ISSUER: issuer.issuer,
    })
    const identityProvider = async () => (await server.readiness()).body['identityProvider']
    expect(await identityProvider()).toBe('down')
    expect((await server.readiness()).status).toBe(200)
    expect((await server.query(token, hello)).errors).toMatchObject([
      { extensions: { code: 'SERVICE_UNAVAILABLE' } },
    ])

    const provider = createServer((_request, response) => {
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(issuer.keys))
    }).listen(port, '127.0.0.1')
    await once(provider, 'listening')
    using _provider = { [Symbol.dispose]: () => void provider.close() }
    await vi.waitUntil(async () => (await identityProvider()) === 'healthy', wait)
    expect((await server.query(token, hello)).errors).toBeUndefined()
  },
)

test(
  'a server that is to stop says so first, finishes what it has begun, and ends well',
  { timeout },
  async () => {
    await using gateway = await startGateway()
    const tenant = await gateway.newTenant()
    await createTestContents(gateway, tenant, 1)
    await using server = await startServer(gateway, { STOP_DRAIN_MS: '2000' })
    const token = await server.tokenOf(tenant)
    using bare = await openBareSocket(`${server.url}/graphql`)
    bare.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })
    await vi.waitUntil(() => bare.received.some(({ type }) => type === 'connection_ack'), wait)
    // As load balancers and browsers open them in advance.
    const unused = connect(Number(new URL(server.url).port), '127.0.0.1')
    await once(unused, 'connect')
    gateway.zerodb.faults.add({ operation: 'query', kind: 'latency', ms: 3_000 })
    const body = JSON.stringify({ query: '{ contents(first: 1) { nodes { body { raw } } } }' })
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    gateway.zerodb.calls.length = 0
    const underWay = fetch(`${server.url}/graphql`, { method: 'POST', headers, body })
    await vi.waitUntil(() => gateway.zerodb.calls.length > 0, wait)

    const stoppedAt = performance.now()
    server.child.kill('SIGTERM')
    await vi.waitUntil(async () => (await server.readiness()).status === 503, {
      timeout: 1_500,
      interval: 10,
    })
    const late = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query: hello }),
    })
    expect(late.headers.get('connection')).toBe('close')
    expect(await late.json()).toMatchObject({ data: { viewer: expect.anything() } })
    expect(await bare.closed).toBe(1001)
    const answer = await underWay
    expect(answer.headers.get('connection')).toBe('close')
    expect(await answer.json()).toMatchObject({
      data: { contents: { nodes: [{ body: { raw: 'Body 0' } }] } },
    })
    expect(await server.exited).toBe(0)
    expect(performance.now() - stoppedAt).toBeLessThan(15_000)
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow('fetch failed')
  },
)

test('a worker tells its operators that it is ready, and what it does', { timeout }, async () => {
  await using gateway = await startGateway()
  await using directory = await temporaryDirectory()
  const port = await freePort()
  await using worker = runProgram(['work'], {
    ...storesOf(gateway),
    DATA_DIR: directory.path,
    METRICS_PORT: String(port),
  })
  const url = `http://127.0.0.1:${port}`
  const isReady = () =>
    fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
  await vi.waitUntil(isReady, wait)
  await vi.waitUntil(async () => {
    const text = await fetch(`${url}/metrics`).then((answer) => answer.text())
    return /gateway_task_duration_seconds_count\{task="publishDue",outcome="ok"\} [1-9]/.test(text)
  }, wait)
  const text = await fetch(`${url}/metrics`).then((answer) => answer.text())
  expect(text).toMatch(/^gateway_nodejs_eventloop_lag_p99_seconds /m)
  expect(text).toMatch(/^gateway_process_resident_memory_bytes /m)
  worker.child.kill('SIGTERM')
  expect(await worker.exited).toBe(0)
})
