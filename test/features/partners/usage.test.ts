import { expect, test } from 'vitest'
import { createTestKey, type TestApiKey } from '../../support/api-keys.ts'
import { canary } from '../../support/canaries.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { createUsageRecorder } from '../../../src/features/partners/record-usage.ts'
import { idOf } from '../../../src/graphql/global-id.ts'
import { socketClient, streamClient, subscribe } from '../../support/live.ts'

const usageDocument = graphql(`
  query UsageOfKey($id: ID!, $range: DateRangeInput!) {
    node(id: $id) {
      ... on ApiKey {
        lastUsedAt
        usage(range: $range) {
          operationName
          documentId
          calls
          cost
          p95Ms
          errors
        }
      }
    }
  }
`)

const today = () => ({
  from: new Date(Date.now() - 3_600_000).toISOString(),
  to: new Date(Date.now() + 3_600_000).toISOString(),
})

async function usageOf(gateway: TestGateway, tenant: TestTenant, { id }: TestApiKey) {
  const { data, errors } = await gateway.query(tenant, usageDocument, { id, range: today() })
  const node = data?.node
  if (!node || !('usage' in node)) throw new Error(JSON.stringify({ data, errors }))
  return node
}

/** Flushes happen every two seconds. */
const soon = { timeout: 10_000, interval: 100 }

test('what a key asks for is counted by operation, over every transport', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant, { scopes: ['CONTENT_READ', 'QUOTA_READ'] })
  const idle = await createTestKey(gateway, tenant)
  for (let count = 0; count < 3; count++) {
    await gateway.query(key.secret, 'query Named { viewer { scopes } }')
  }
  await gateway.query(key.secret, '{ viewer { scopes } }')
  await gateway.query(key.secret, 'query Failing { node(id: "x") { id } }')
  await gateway.query(tenant, 'query Persons { viewer { scopes } }')
  using sockets = socketClient(gateway.url, key.secret)
  using streams = streamClient(gateway.url, key.secret)
  const others = [
    subscribe(sockets, 'query OnSocket { viewer { scopes } }'),
    subscribe(streams, 'query OnStream { viewer { scopes } }'),
    subscribe(streams, 'subscription Watch { quotaChanged { sequence } }'),
  ]
  for (const { results } of others) await expect.poll(() => results).toHaveLength(1)

  const counted = async () => (await usageOf(gateway, tenant, key)).usage
  await expect.poll(async () => (await counted()).length, soon).toBe(6)
  await expect
    .poll(async () => (await counted()).reduce((sum, { calls }) => sum + Number(calls), 0), soon)
    .toBe(8)
  const usage = await counted()
  const of = (name: string | null) => usage.find(({ operationName }) => operationName === name)
  expect(of('Named')).toMatchObject({ calls: '3', errors: '0', documentId: null })
  expect(of(null)).toMatchObject({ calls: '1', errors: '0' })
  expect(of('Failing')).toMatchObject({ calls: '1', errors: '1' })
  expect(of('OnSocket')).toMatchObject({ calls: '1' })
  expect(of('OnStream')).toMatchObject({ calls: '1' })
  expect(of('Watch')).toMatchObject({ calls: '1' })
  for (const { p95Ms } of usage) expect(p95Ms).toBeGreaterThan(0)
  expect(await usageOf(gateway, tenant, idle)).toEqual({ lastUsedAt: null, usage: [] })
  const { lastUsedAt } = await usageOf(gateway, tenant, key)
  expect(Math.abs(Date.now() - Date.parse(String(lastUsedAt)))).toBeLessThan(60_000)
})

test('what is counted when an instance stops is not lost', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant)
  {
    await using twin = await gateway.startTwin()
    await twin.query(key.secret, 'query Last { viewer { scopes } }')
  }
  const { usage } = await usageOf(gateway, tenant, key)
  expect(usage).toMatchObject([{ operationName: 'Last', calls: '1' }])
})

test('a key of the tenant sees its own usage and no other one', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant)
  const other = await createTestKey(gateway, tenant)
  const ask = (id: string) => gateway.query(key.secret, usageDocument, { id, range: today() })
  expect((await ask(key.id)).data?.node).toEqual({ lastUsedAt: null, usage: [] })
  const foreign = await ask(other.id)
  expect(foreign.data?.node).toBeNull()
  expect(foreign.errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' })
})

test('a name that looks like a secret is not kept', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant)
  const name = canary('name').replaceAll('-', '_')
  await gateway.query(key.secret, `query ${name} { viewer { scopes } }`)
  await gateway.query(key.secret, `query ${'LongName'.repeat(20)} { viewer { scopes } }`)
  const names = async () =>
    (await usageOf(gateway, tenant, key)).usage.map(({ operationName }) => operationName)
  await expect
    .poll(async () => new Set(await names()), soon)
    .toEqual(new Set(['LongName'.repeat(20).slice(0, 100), '…']))
})

test('many instances count together, a thousand names a day at most, and the durations add up', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const key = await createTestKey(gateway, tenant)
  const call = {
    tenantId: tenant.id,
    apiKeyId: idOf('ApiKey', key.id),
    documentId: null,
    cost: 7,
    failed: false,
  }
  const rounds = 3
  for (let round = 0; round < rounds; round++) {
    const recorders = Array.from({ length: 4 }, () => createUsageRecorder(gateway.services))
    for (const [instance, recorder] of recorders.entries()) {
      for (let name = 0; name < 400; name++) {
        recorder.note({ ...call, operationName: `Op_${instance}_${name}`, durationMs: 20 })
      }
      for (let count = 0; count < 19; count++) {
        recorder.note({ ...call, operationName: 'Common', cost: 100, durationMs: 4 })
      }
      recorder.note({ ...call, operationName: 'Common', cost: 100, durationMs: 9_000 })
    }
    await Promise.all(recorders.map((recorder) => recorder[Symbol.asyncDispose]()))
  }
  const { rows } = await gateway.database.admin.query<{ name: string; calls: number }>(
    `select operation_name as name, calls::integer from api_key_usage`,
  )
  const total = rows.reduce((sum, { calls }) => sum + calls, 0)
  expect(total).toBe(rounds * 4 * 420)
  expect(rows.filter(({ name }) => name !== '(other)')).toHaveLength(1_000)
  expect(rows).toHaveLength(1_001)

  const { usage } = await usageOf(gateway, tenant, key)
  expect(usage).toHaveLength(100)
  expect(usage[0]).toEqual({
    operationName: 'Common',
    documentId: null,
    calls: `${rounds * 80}`,
    cost: `${rounds * 8_000}`,
    p95Ms: 5,
    errors: '0',
  })
  expect(usage[1]).toMatchObject({ operationName: '(other)', p95Ms: 20 })
})
