import { expect, test, vi } from 'vitest'
import { createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { socketClient, subscribe } from '../../support/live.ts'
import { startBehindProxy } from '../../support/proxied.ts'

const healthDocument = graphql(`
  query StoreHealthNow {
    storeHealth {
      store
      state
      p50Ms
      p95Ms
      errorRate
      breaker
      since
      message
    }
  }
`)

async function healthOf(gateway: TestGateway, tenant: TestTenant) {
  const { data } = await gateway.query(tenant, healthDocument)
  return Object.fromEntries((data?.storeHealth ?? []).map((report) => [report.store, report]))
}

test('all is well, and without BigQuery that is said', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)

  const health = await healthOf(gateway, tenant)

  expect(Object.keys(health)).toEqual(['ZERODB', 'POSTGRES', 'BIGQUERY'])
  expect(health['ZERODB']).toMatchObject({ state: 'HEALTHY', breaker: 'CLOSED', errorRate: 0 })
  expect(health['ZERODB']?.p95Ms).toBeGreaterThan(0)
  expect(health['POSTGRES']).toMatchObject({ state: 'HEALTHY', message: null })
  expect(health['POSTGRES']?.p50Ms).toBeGreaterThan(0)
  expect(health['BIGQUERY']).toMatchObject({
    state: 'DISABLED',
    p95Ms: null,
    message: expect.stringContaining('BIGQUERY_PROJECT_ID'),
  })
})

test('BigQuery is well, or switched off, or behind', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  expect((await healthOf(gateway, tenant))['BIGQUERY']).toMatchObject({ state: 'HEALTHY' })

  await using off = await gateway.startTwin({ BIGQUERY_SYNC_ENABLED: 'false' })
  expect((await healthOf(off, tenant))['BIGQUERY']).toMatchObject({ state: 'DISABLED' })

  await createTestContents(gateway, tenant, 1)
  const { admin } = gateway.database
  await admin.query(
    `update backup_outbox set created_at = now() - interval '16 minutes' where tenant_id = $1`,
    [tenant.id],
  )
  expect((await healthOf(gateway, tenant))['BIGQUERY']).toMatchObject({
    state: 'DEGRADED',
    message: expect.stringContaining('15 minutes'),
  })
  await admin.query(`update backup_outbox set backed_up_at = now() where tenant_id = $1`, [
    tenant.id,
  ])
  expect((await healthOf(gateway, tenant))['BIGQUERY']).toMatchObject({ state: 'HEALTHY' })

  await admin.query(`update relay.status set failing_since = '2026-01-01', last_error = 'Secret'`)
  expect((await healthOf(gateway, tenant))['BIGQUERY']).toMatchObject({
    state: 'DEGRADED',
    since: '2026-01-01T00:00:00.000Z',
    message: expect.not.stringContaining('Secret'),
  })
})

test.each([
  ['refuses our account', { kind: 'status', status: 403 }, 'DEGRADED', /service account/],
  ['does not answer', { kind: 'reset' }, 'DOWN', /does not answer/],
  ['says nothing at all', { kind: 'hang' }, 'DOWN', /does not answer/],
] as const)('a BigQuery that %s is no reason to fail', async (_name, fault, state, says) => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  gateway.bigquery.faults.add({ operation: '*', ...fault })

  await vi.waitFor(
    async () =>
      expect((await healthOf(gateway, tenant))['BIGQUERY']).toMatchObject({
        state,
        message: expect.stringMatching(says),
      }),
    { timeout: 10_000, interval: 200 },
  )
  expect(await createTestContents(gateway, tenant, 1)).toHaveLength(1)
})

test('a store that a local stand-in serves is not taken for the real one', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using twin = await gateway.startTwin({}, { standIns: ['zerodb'] })

  const health = await healthOf(twin, tenant)

  expect(health['ZERODB']?.state).toBe('MOCK')
  expect(health['POSTGRES']?.state).toBe('HEALTHY')
})

test('a slow ZeroDB, and one that fails now and then, is degraded', async () => {
  await using gateway = await startGateway({ BODY_CACHE_MB: '0' })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  const read = async (twin: TestGateway) => {
    await twin.query(tenant, `{ contents(first: 1) { nodes { body { raw } } } }`)
    return (await healthOf(twin, tenant))['ZERODB']
  }

  gateway.zerodb.faults.add({ operation: 'query', kind: 'latency', ms: 600 })
  await using slow = await gateway.startTwin()
  expect(await read(slow)).toMatchObject({
    state: 'DEGRADED',
    message: expect.stringMatching(/^One request in twenty takes \d+ ms or longer\.$/),
  })

  gateway.zerodb.faults.clear()
  gateway.zerodb.faults.add({ operation: 'query', kind: 'status', status: 500, times: 1 })
  await using failing = await gateway.startTwin({ LOG_LEVEL: 'silent' })
  expect(await read(failing)).toMatchObject({
    state: 'DEGRADED',
    message: expect.stringMatching(/^\d+\.\d % of its requests fail\.$/),
  })
})

test('without PostgreSQL there is an answer all the same', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using behind = await startBehindProxy(gateway, 'postgres', { LOG_LEVEL: 'silent' })
  const { proxy, twin } = behind
  expect((await healthOf(twin, tenant))['POSTGRES']?.state).toBe('HEALTHY')

  proxy.faults = { refuse: true }
  proxy.resetAll()

  await vi.waitFor(async () =>
    expect((await healthOf(twin, tenant))['POSTGRES']).toMatchObject({
      state: 'DOWN',
      breaker: null,
    }),
  )
})

test('a PostgreSQL that says nothing at all is down in the first answer', async () => {
  await using gateway = await startGateway(undefined, { bigquery: true })
  const tenant = await gateway.newTenant()
  await using behind = await startBehindProxy(gateway, 'postgres', { LOG_LEVEL: 'silent' })
  const { proxy, twin } = behind
  expect((await healthOf(twin, tenant))['POSTGRES']?.state).toBe('HEALTHY')

  proxy.faults = { up: { blackhole: true } }

  expect((await healthOf(twin, tenant))['POSTGRES']?.state).toBe('DOWN')
  // Nobody waits for the silent connections when the twin is closed.
  proxy.resetAll()
})

interface HealthEvents {
  storeHealthChanged: {
    sequence: number
    resumeToken: string
    readMode: string
    store: { store: string; state: string; message: string | null }
  }
}

const watchDocument = `subscription Health($after: String) {
  storeHealthChanged(after: $after) {
    sequence resumeToken at readMode store { store state message }
  }
}`

const statesIn = (events: readonly HealthEvents[]) =>
  events.map(({ storeHealthChanged: { store } }) => `${store.store} ${store.state}`)

test('a watcher sees each store, then an outage and its end, though nobody else asks', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using behind = await startBehindProxy(gateway, 'zerodb', { LOG_LEVEL: 'silent' })
  const { proxy, twin } = behind
  using client = socketClient(twin.url, tenant.tokens.owner)
  const watcher = subscribe<HealthEvents>(client, watchDocument)
  const snapshot = ['ZERODB HEALTHY', 'POSTGRES HEALTHY', 'BIGQUERY DISABLED']
  await vi.waitFor(() => expect(statesIn(watcher.data)).toEqual(snapshot))

  proxy.faults = { refuse: true }
  proxy.resetAll()
  await vi.waitFor(() => expect(statesIn(watcher.data)).toContain('ZERODB DOWN'), {
    timeout: 30_000,
  })
  proxy.faults = {}
  await vi.waitFor(
    () => expect(statesIn(watcher.data).at(-1)).toMatch(/^ZERODB (HEALTHY|DEGRADED)$/),
    { timeout: 30_000 },
  )

  const events = watcher.data.map(({ storeHealthChanged }) => storeHealthChanged)
  const sequences = events.map(({ sequence }) => Number(sequence))
  expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b))
  expect(
    new Set(
      statesIn(watcher.data)
        .slice(3)
        .map((state) => state.split(' ')[0]),
    ),
  ).toEqual(new Set(['ZERODB']))

  // Whoever was away meanwhile is told what differs, and no more.
  const [, , last] = events
  const after = last?.resumeToken ?? ''
  watcher.unsubscribe()
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })
  const returned = subscribe<HealthEvents>(client, watchDocument, { after })
  await vi.waitFor(() => expect(statesIn(returned.data)).toContain('ZERODB DOWN'), {
    timeout: 30_000,
  })
  expect(statesIn(returned.data).filter((state) => !state.startsWith('ZERODB'))).toEqual([])
})

test('a change of the read mode is told', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  using client = socketClient(gateway.url, tenant.tokens.owner)
  const watcher = subscribe<HealthEvents>(client, watchDocument)
  await vi.waitFor(() => expect(watcher.data).toHaveLength(3))

  await gateway.query(
    tenant,
    `mutation { setReadMode(mode: PRIMARY, reason: "A drill.") { __typename } }`,
  )

  await vi.waitFor(() => expect(watcher.data).toHaveLength(6), { timeout: 5_000 })
  const modes = watcher.data.map(({ storeHealthChanged: { readMode } }) => readMode)
  expect(modes).toEqual(['AUTO', 'AUTO', 'AUTO', 'PRIMARY', 'PRIMARY', 'PRIMARY'])
})
