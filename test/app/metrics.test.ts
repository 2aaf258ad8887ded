import { expect, test, vi } from 'vitest'
import { createTestContents } from '../support/contents.ts'
import { startGateway } from '../support/gateway.ts'
import { socketClient, streamClient, subscribe } from '../support/live.ts'
import { startMetricsServer, valueOf } from '../support/metrics-server.ts'

const operations = 'gateway_operation_duration_seconds_count'
const page = 'query Page { contents(first: 5) { nodes { title body { raw } } } }'

test('operations of every transport are counted, and what they asked of the stores', async () => {
  await using gateway = await startGateway()
  await using metrics = await startMetricsServer(gateway.services)
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 3)
  const { owner } = tenant.tokens
  const before = await metrics.scrape()

  await using twin = await gateway.startTwin()
  expect((await twin.query(tenant, page)).errors).toBeUndefined()
  expect((await twin.query(tenant, page)).errors).toBeUndefined()
  using sockets = socketClient(gateway.url, owner)
  const quota = 'subscription { quotaChanged { sequence } }'
  const held = subscribe(sockets, quota)
  await vi.waitUntil(() => held.data.length > 0)
  const viaSocket = subscribe(sockets, page)
  await vi.waitUntil(() => viaSocket.completed)
  using streams = streamClient(gateway.url, owner)
  const watching = subscribe(streams, quota)
  await vi.waitUntil(() => watching.data.length > 0)

  const after = await metrics.scrape()
  const grown = (name: string, labels?: Record<string, string>) =>
    valueOf(after, name, labels) - valueOf(before, name, labels)
  expect(grown(operations, { kind: 'query', outcome: 'ok' })).toBe(3)
  expect(grown(operations, { kind: 'subscription', outcome: 'ok' })).toBe(2)
  expect(grown('gateway_postgres_duration_seconds_count', { kind: 'trip' })).toBeGreaterThan(0)
  const requests = 'gateway_neighbour_request_duration_seconds_count'
  expect(grown(requests, { neighbour: 'ZeroDB', outcome: '200' })).toBeGreaterThan(0)
  expect(grown('gateway_cache_lookups_total', { cache: 'bodies', result: 'miss' })).toBe(3)
  expect(grown('gateway_cache_lookups_total', { cache: 'bodies', result: 'hit' })).toBe(6)
  expect(valueOf(after, 'gateway_connections_open', { transport: 'websocket' })).toBe(1)
  expect(valueOf(after, 'gateway_connections_open', { transport: 'stream' })).toBe(1)
})

test('refusals and failures are counted by their code, a 403 of ZeroDB by its status', async () => {
  await using gateway = await startGateway()
  await using metrics = await startMetricsServer(gateway.services)
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  await using twin = await gateway.startTwin()
  const before = await metrics.scrape()

  await twin.query('nobody', page)
  await twin.query(tenant, '{ nothing }')
  await twin.query(tenant.tokens.viewer, '{ storeHealth { state } }')
  gateway.zerodb.faults.add({ operation: 'query', kind: 'status', status: 403 })
  await twin.query(tenant, page)

  const after = await metrics.scrape()
  const grown = (name: string, labels: Record<string, string>) =>
    valueOf(after, name, labels) - valueOf(before, name, labels)
  expect(grown(operations, { kind: 'refused', outcome: 'UNAUTHENTICATED' })).toBe(1)
  expect(grown(operations, { kind: 'refused', outcome: 'BAD_USER_INPUT' })).toBe(1)
  expect(grown(operations, { kind: 'query', outcome: 'FORBIDDEN' })).toBe(1)
  expect(grown(operations, { kind: 'query', outcome: 'CONTENT_STORE_UNAVAILABLE' })).toBe(1)
  const requests = 'gateway_neighbour_request_duration_seconds_count'
  expect(grown(requests, { neighbour: 'ZeroDB', outcome: '403' })).toBeGreaterThan(0)
})

test('what all tenants have stored, and what waits to be copied, is told in sum', async () => {
  await using gateway = await startGateway()
  const [first, second] = [await gateway.newTenant(), await gateway.newTenant()]
  await createTestContents(gateway, first, 2)
  await createTestContents(gateway, second, 1)
  await gateway.database.admin.query(
    `update backup_outbox set created_at = now() - interval '10 minutes'`,
  )
  await using metrics = await startMetricsServer(gateway.services)
  const text = await metrics.scrape()
  const { rows } = await gateway.database.admin.query<{ bytes: string }>(
    'select sum(total_storage_bytes + total_media_storage_bytes) as bytes from content_storage_usage',
  )
  expect(valueOf(text, 'gateway_total_storage_bytes')).toBe(Number(rows[0]?.bytes))
  expect(valueOf(text, 'gateway_copy_unsynced')).toBe(3)
  expect(valueOf(text, 'gateway_copy_lag_seconds')).toBeGreaterThanOrEqual(600)
  expect(valueOf(text, 'gateway_breaker_state', { neighbour: 'ZeroDB', state: 'closed' })).toBe(1)
  expect(valueOf(text, 'gateway_postgres_pool', { state: 'waiting' })).toBe(0)
})

test('labels hold no word of a client and no id', async () => {
  await using gateway = await startGateway()
  await using metrics = await startMetricsServer(gateway.services)
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 2)
  await gateway.query(tenant, 'query AConspicuousName { contents(first: 1) { nodes { id } } }')
  await gateway.query(tenant, 'query { AConspicuousName }')
  const text = await metrics.scrape()
  expect(text).not.toContain('AConspicuousName')
  expect(text).not.toContain(tenant.id)
  expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/)
  const series = text.split('\n').filter((line) => line.startsWith('gateway_'))
  expect(series.length).toBeLessThan(1_000)
})

test('the API itself serves no metrics', async () => {
  await using gateway = await startGateway()
  const { status } = await fetch(new URL('/metrics', gateway.url))
  expect(status).toBe(404)
})
