import { expect, test, vi } from 'vitest'
import { StartupError, UpstreamError } from '../../src/lib/errors.ts'
import { newId } from '../../src/lib/id.ts'
import {
  createZeroDb,
  type ZeroDb,
  type ZeroDbAlarm,
  type ZeroDbOptions,
} from '../../src/platform/zerodb.ts'
import { startLocalZeroDb } from './local-zerodb.ts'
import { startServer, type TestServer } from './test-server.ts'

const table = 'gateway_conformance'
const { ZERODB_API_KEY, ZERODB_PROJECT_ID, ZERODB_API_URL } = process.env

// What we take for granted of any ZeroDB. With ZERODB_API_KEY set, the real one is asked.

test('rows come back by key, unknown keys are absent, other tenants see nothing', async () => {
  await using connection = await connect()
  const { zerodb } = connection
  const [tenant, other] = [newId(), newId()]
  const ids = Array.from({ length: 120 }, newId)
  await Promise.all(ids.map((id, n) => zerodb.insertRow(tenant, table, { id, n })))

  const rows = await zerodb.getRowsByKey(tenant, table, [...ids, ids[0] ?? '', newId()])
  expect(rows.size).toBe(120)
  expect(rows.get(ids[7] ?? '')).toEqual({ id: ids[7], n: 7, tenant_id: tenant })

  expect(await zerodb.getRowsByKey(other, table, ids)).toEqual(new Map())
  expect(await zerodb.deleteRowsByKey(other, table, ids)).toBe(0)
  expect(await zerodb.deleteRowsByKey(tenant, table, ids)).toBe(120)
  expect(await zerodb.deleteRowsByKey(tenant, table, ids)).toBe(0)
})

test('a query filters, sorts and pages; the iterator reaches the end', async () => {
  await using connection = await connect()
  const { zerodb } = connection
  const tenant = newId()
  const ids = Array.from({ length: 25 }, newId)
  await Promise.all(ids.map((id, n) => zerodb.insertRow(tenant, table, { id, n, kind: n % 2 })))

  const filter = { n: { $gte: 10 }, kind: 0 }
  const page = await zerodb.queryRows(tenant, table, { filter, sort: { n: -1 }, limit: 3, skip: 1 })
  expect(page.map(({ n }) => n)).toEqual([22, 20, 18])

  const all = await Array.fromAsync(zerodb.eachRow(tenant, table, { limit: 10 }))
  expect(all.map(({ id }) => id)).toEqual(ids.toSorted())
  await zerodb.deleteRowsByKey(tenant, table, ids)
})

test('the iterator gives a key once, also when its rows lie on two pages', async () => {
  await using connection = await connect()
  const { zerodb } = connection
  const tenant = newId()
  for (const id of ['a', 'b', 'b', 'c', 'd', 'd', 'd', 'd']) {
    await zerodb.insertRow(tenant, table, { id })
  }

  const all = await Array.fromAsync(zerodb.eachRow(tenant, table, { limit: 2 }))

  expect(all.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'])
  await zerodb.deleteRowsByKey(tenant, table, ['a', 'b', 'c', 'd'])
})

test('fields are set by key, the others stay', async () => {
  await using connection = await connect()
  const { zerodb } = connection
  const [tenant, id] = [newId(), newId()]
  await zerodb.insertRow(tenant, table, { id, title: 'Before', n: 1 })

  expect(await zerodb.setRows(tenant, table, [id, newId()], { title: 'After' })).toBe(1)

  const rows = await zerodb.getRowsByKey(tenant, table, [id])
  expect(rows.get(id)).toEqual({ id, title: 'After', n: 1, tenant_id: tenant })
  await zerodb.deleteRowsByKey(tenant, table, [id])
})

test('of two rows with one key every reader gets the older', async () => {
  await using connection = await connect()
  const { zerodb, alarms } = connection
  const [tenant, id] = [newId(), newId()]
  await zerodb.insertRow(tenant, table, { id, n: 1 })
  const insertedAt = Date.now()
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(insertedAt + 1), { interval: 1 })
  await zerodb.insertRow(tenant, table, { id, n: 2 })

  const rows = await zerodb.getRowsByKey(tenant, table, [id])

  expect(rows.get(id)).toMatchObject({ n: 1 })
  expect(alarms).toEqual([{ kind: 'duplicateKey', tenantId: tenant, table, key: id }])
  await zerodb.deleteRowsByKey(tenant, table, [id])
})

test('creating a table twice is no error, and it is listed', async () => {
  await using connection = await connect()
  const { zerodb } = connection

  await zerodb.createTable(table)

  expect(await zerodb.listTables()).toContain(table)
  await zerodb.ping()
})

test('the filter is honoured, so the canary lets us start', async () => {
  await using connection = await connect()
  const { zerodb } = connection
  const [tenant, id] = [newId(), newId()]
  await zerodb.insertRow(tenant, table, { id })

  await expect(zerodb.checkFilter(table)).resolves.toBeUndefined()
  await zerodb.deleteRowsByKey(tenant, table, [id])
})

test('a prefix that leads nowhere is called a mistake of configuration', async () => {
  await using connection = await connect({ pathPrefix: '/v7/{projectId}' })
  const { zerodb } = connection

  const error = await failureOf(zerodb.ping())

  expect(error.failure).toBe('rejected')
  expect(error.message).toContain('check its base URL and path prefix')
})

test('a key that is not taken is rejected', async () => {
  await using connection = await connect({ credential: { apiKey: 'sk_wrong' } })
  const { zerodb } = connection

  expect(await failureOf(zerodb.ping())).toMatchObject({ failure: 'rejected' })
})

// What the client does about a ZeroDB that misbehaves; only the stand-in does so on demand.

test('twenty rows cost one request, three hundred cost three', async () => {
  await using local = await startLocalZeroDb(table)
  const tenant = newId()

  await local.zerodb.getRowsByKey(tenant, table, Array.from({ length: 20 }, newId))
  expect(local.server.calls).toHaveLength(1)

  await local.zerodb.getRowsByKey(tenant, table, Array.from({ length: 300 }, newId))
  expect(local.server.calls).toHaveLength(4)
  expect(local.server.calls.map(({ tenant: asked }) => asked)).toEqual(Array(4).fill(tenant))
})

test.for([
  ['rows of another tenant', { kind: 'wrongTenant' }, 'foreignRow'],
  ['rows nobody asked for', { kind: 'ignoreFilter' }, 'unaskedRow'],
] as const)('%s are refused with an alarm', async ([, fault, alarm]) => {
  await using local = await startLocalZeroDb(table)
  const [tenant, id, another] = [newId(), newId(), newId()]
  await local.zerodb.insertRow(tenant, table, { id })
  await local.zerodb.insertRow(tenant, table, { id: another })
  local.server.faults.add({ operation: 'query', ...fault })

  const error = await failureOf(local.zerodb.getRowsByKey(tenant, table, [id]))

  expect(error.failure).toBe('malformed')
  expect(local.alarms).toMatchObject([{ kind: alarm, tenantId: tenant, table }])
})

test('a page with rows of another tenant is refused', async () => {
  await using local = await startLocalZeroDb(table)
  const tenant = newId()
  await local.zerodb.insertRow(tenant, table, { id: newId() })
  local.server.faults.add({ operation: 'query', kind: 'wrongTenant' })

  await failureOf(local.zerodb.queryRows(tenant, table, {}))
  await failureOf(Array.fromAsync(local.zerodb.eachRow(tenant, table)))

  expect(local.alarms).toHaveLength(2)
})

test('a ZeroDB that ignores the filter is not started with', async () => {
  await using local = await startLocalZeroDb(table, { filterKey: 'filters' })
  await expect(local.zerodb.checkFilter(table)).resolves.toBeUndefined()
  await local.zerodb.insertRow(newId(), table, { id: newId() })

  await expect(local.zerodb.checkFilter(table)).rejects.toThrow(StartupError)
})

test.for([
  { kind: 'wrongJson' },
  { kind: 'wrongJson', shape: 'json' },
  { kind: 'truncated' },
] as const)('an answer spoiled by %o is an error, never an empty list', async (fault) => {
  await using local = await startLocalZeroDb(table)
  const [tenant, id] = [newId(), newId()]
  local.server.faults.add({ operation: 'query', ...fault })

  const error = await failureOf(local.zerodb.getRowsByKey(tenant, table, [id]))

  expect(error).toMatchObject({ failure: 'malformed', mayHaveApplied: false })
})

test('an insert whose answer was lost is looked up, not repeated', async () => {
  await using local = await startLocalZeroDb(table)
  const [tenant, id] = [newId(), newId()]
  local.server.faults.add({ operation: 'insert', kind: 'answerLost', times: 1 })

  await local.zerodb.insertRow(tenant, table, { id })

  expect(operationsOf(local)).toEqual(['insert', 'query'])
  expect(await local.zerodb.queryRows(tenant, table, {})).toHaveLength(1)
})

test('an insert that never arrived is looked up and made again', async () => {
  await using local = await startLocalZeroDb(table)
  const [tenant, id] = [newId(), newId()]
  local.server.faults.add({ operation: 'insert', kind: 'reset', times: 1 })

  await local.zerodb.insertRow(tenant, table, { id })

  expect(operationsOf(local)).toEqual(['insert', 'query', 'insert'])
  expect(await local.zerodb.queryRows(tenant, table, {})).toHaveLength(1)
})

test('an insert that cannot be looked up says that it may have been applied', async () => {
  await using local = await startLocalZeroDb(table)
  local.server.faults.add({ operation: 'insert', kind: 'answerLost' })
  local.server.faults.add({ operation: 'query', kind: 'status', status: 500 })

  const error = await failureOf(local.zerodb.insertRow(newId(), table, { id: newId() }))

  expect(error).toMatchObject({ failure: 'unavailable', mayHaveApplied: true })
})

test('an insert into a table that is missing is rejected, as a table, not as a route', async () => {
  await using local = await startLocalZeroDb(table)

  const error = await failureOf(local.zerodb.insertRow(newId(), 'elsewhere', { id: newId() }))

  expect(error).toMatchObject({ failure: 'rejected', mayHaveApplied: false })
  expect(error.message).toContain("Table 'elsewhere' not found")
})

test('random faults never tear an insert: each row is there, or its error says what is known', async () => {
  await using local = await startLocalZeroDb(table, { slowMs: 200, timeoutMs: 2_000 })
  const tenant = newId()
  for (const kind of ['answerLost', 'reset'] as const) {
    local.server.faults.add({ operation: 'insert', kind, probability: 0.1, seed: 7 })
  }
  const ids = Array.from({ length: 200 }, newId)
  const outcomes = await Promise.allSettled(
    ids.map((id) => local.zerodb.insertRow(tenant, table, { id })),
  )
  local.server.faults.clear()
  const rows = await vi.waitFor(() => local.zerodb.getRowsByKey(tenant, table, ids), 5_000)

  const facts = outcomes.map((outcome, n) => {
    const known = outcome.status === 'rejected' && !outcome.reason.mayHaveApplied
    return { isThere: rows.has(ids[n] ?? ''), isDone: outcome.status === 'fulfilled', known }
  })
  expect(facts.filter(({ isDone }) => isDone).length).toBeGreaterThan(190)
  expect(facts.filter(({ isDone, isThere }) => isDone && !isThere)).toEqual([])
  expect(facts.filter(({ known, isThere }) => known && isThere)).toEqual([])
})

test('base URLs of every kind in the wild lead to the same place', async () => {
  await using local = await startLocalZeroDb(table)
  const { url } = local.server
  for (const baseUrl of [url, `${url}/`, `${url}/v1`, `${url}/api/v1/`, `${url}/api`]) {
    await using zerodb = createZeroDb({ ...local.settings, baseUrl })
    await zerodb.ping()
  }
  expect(new Set(local.server.calls.map(({ path }) => path)).size).toBe(1)
})

test('a person logs in once, and once more when the token is no longer taken', async () => {
  const seen: string[] = []
  await using server = await startServer((request, response) => {
    const { authorization = 'none', 'x-api-key': key } = request.headers
    expect(key).toBeUndefined()
    seen.push(`${request.url?.split('?')[0]} ${authorization}`)
    const isLogin = request.url === '/v1/auth/login'
    const logins = seen.filter((line) => line.startsWith('/v1')).length
    if (isLogin) response.end(JSON.stringify({ access_token: `token-${logins}` }))
    else if (authorization === 'Bearer token-2') response.end('{"data":[],"has_more":false}')
    else response.writeHead(401).end('{"detail":"Token expired"}')
  })
  const credential = { email: 'a@example.com', password: 'secret' }
  await using zerodb = createZeroDb({ baseUrl: server.url, projectId: 'p', credential })

  await Promise.all([zerodb.ping(), zerodb.ping()])
  await zerodb.ping()

  const tables = '/api/v1/projects/p/database/tables'
  expect(seen.toSorted()).toEqual([
    `${tables} Bearer token-1`,
    `${tables} Bearer token-1`,
    `${tables} Bearer token-2`,
    `${tables} Bearer token-2`,
    `${tables} Bearer token-2`,
    '/v1/auth/login none',
    '/v1/auth/login none',
  ])
})

test.for([
  ['a bare list', (rows: unknown[]) => rows],
  ['rows', (rows: unknown[]) => ({ rows })],
  ['items with a total', (items: unknown[], skip: number) => ({ items, skip, total: 2 })],
] as const)('a list is read as %s, to its end', async ([, wrap]) => {
  const rows = ['k1', 'k2'].map((id) => ({ id: `row of ${id}`, data: { id, tenant_id: 't1' } }))
  await using server: TestServer = await startServer((_request, response) => {
    const skip = server.requests - 1
    response.end(JSON.stringify(wrap(rows.slice(skip, skip + 1), skip)))
  })
  const credential = { apiKey: 'k' }
  await using zerodb = createZeroDb({ baseUrl: server.url, projectId: 'p', credential })

  const found = await zerodb.getRowsByKey('t1', table, ['k1', 'k2', 'k3'])

  expect([...found.values()]).toEqual(rows.map(({ data }) => data))
})

test('a server that ignores `skip` is noticed, not followed for ever', async () => {
  const row = { row_id: '1', row_data: { id: 'k1', tenant_id: 't1' } }
  await using server = await startServer((_request, response) => {
    response.end(JSON.stringify({ data: [row], has_more: true }))
  })
  const credential = { apiKey: 'k' }
  await using zerodb = createZeroDb({ baseUrl: server.url, projectId: 'p', credential })

  expect(await failureOf(Array.fromAsync(zerodb.eachRow('t1', table)))).toMatchObject({
    failure: 'malformed',
  })
})

function operationsOf({ server }: { server: { calls: { operation: string }[] } }): string[] {
  return server.calls.map(({ operation }) => operation)
}

async function failureOf(call: Promise<unknown>): Promise<UpstreamError> {
  const error = await call.then(
    () => new Error('expected a failure'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(UpstreamError)
  return error as UpstreamError
}

interface Connection extends AsyncDisposable {
  zerodb: ZeroDb
  alarms: ZeroDbAlarm[]
}

async function connect(options: Partial<ZeroDbOptions> = {}): Promise<Connection> {
  if (ZERODB_API_KEY === undefined) return startLocalZeroDb(table, options)
  const alarms: ZeroDbAlarm[] = []
  const settings = {
    baseUrl: ZERODB_API_URL ?? 'https://api.ainative.studio',
    projectId: ZERODB_PROJECT_ID ?? '',
    credential: { apiKey: ZERODB_API_KEY },
    slowMs: 15_000,
  }
  await using setUp = createZeroDb(settings)
  await setUp.createTable(table)
  const zerodb = createZeroDb({ ...settings, onAlarm: (alarm) => alarms.push(alarm), ...options })
  return { zerodb, alarms, [Symbol.asyncDispose]: () => zerodb[Symbol.asyncDispose]() }
}
