import { expect, test } from 'vitest'
import type { FaultKind } from '../../src/local/faults.ts'
import { rowsOf, startZeroDb } from './support.ts'

const reset = { code: 'ECONNRESET' }

test('a fault strikes its operation and table, after so many calls, so many times', async () => {
  await using zerodb = await startZeroDb()
  zerodb.faults.add({
    operation: 'query',
    table: 'things',
    after: 1,
    times: 2,
    kind: 'status',
    status: 503,
    retryAfterSeconds: 7,
  })
  const statuses: number[] = []
  for (let n = 0; n < 4; n++) statuses.push((await zerodb.query({})).status)
  expect(statuses).toEqual([200, 503, 503, 200])
  expect((await zerodb.insert({ id: 'a' })).status).toBe(201)
  expect(zerodb.calls.filter(({ fault }) => fault === 'status')).toHaveLength(2)
})

test('a probability strikes the same calls in every run', async () => {
  const runs = await Promise.all(
    [1, 2].map(async () => {
      await using zerodb = await startZeroDb()
      zerodb.faults.add({
        operation: '*',
        probability: 0.5,
        seed: 42,
        kind: 'status',
        status: 500,
      })
      const statuses: number[] = []
      for (let n = 0; n < 20; n++) statuses.push((await zerodb.query({})).status)
      return statuses
    }),
  )
  expect(runs[0]).toEqual(runs[1])
  expect(new Set(runs[0])).toEqual(new Set([200, 500]))
})

test('a reset applies nothing; a lost answer is applied', async () => {
  await using zerodb = await startZeroDb()
  zerodb.faults.add({ operation: 'insert', times: 1, kind: 'reset' })
  await expect(zerodb.insert({ id: 'a' })).rejects.toMatchObject({ cause: reset })
  expect(await zerodb.idsOf({})).toEqual([])

  zerodb.faults.add({ operation: 'insert', times: 1, kind: 'answerLost' })
  await expect(zerodb.insert({ id: 'b' })).rejects.toMatchObject({ cause: reset })
  expect(await zerodb.idsOf({})).toEqual(['b'])
})

test('a hanging call is never answered, and does not hinder the end of the server', async () => {
  await using zerodb = await startZeroDb()
  zerodb.faults.add({ operation: 'query', kind: 'hang' })
  const signal = AbortSignal.timeout(100)
  await expect(
    fetch(`${zerodb.base}/tables/things/query`, { method: 'POST', signal }),
  ).rejects.toThrow(/timeout/)
  expect(zerodb.calls).toMatchObject([{ operation: 'query', status: null, fault: 'hang' }])
})

test('latency delays the answer', async () => {
  await using zerodb = await startZeroDb()
  zerodb.faults.add({ operation: 'query', kind: 'latency', ms: 60, jitterMs: 5 })
  const startedAt = performance.now()
  expect((await zerodb.query({})).status).toBe(200)
  expect(performance.now() - startedAt).toBeGreaterThan(55)
})

test('above the rate comes 429 with Retry-After', async () => {
  await using zerodb = await startZeroDb()
  zerodb.faults.add({ operation: '*', kind: 'rateLimit', perSecond: 2 })
  const answers = await Promise.all(Array.from({ length: 8 }, () => zerodb.query({})))
  const refused = answers.filter(({ status }) => status === 429)
  expect(refused.length).toBeGreaterThanOrEqual(4)
  expect(refused[0]?.headers.get('retry-after')).toBe('1')
})

test.for<[FaultKind, RegExp]>([
  [{ kind: 'truncated' }, /JSON/],
  [{ kind: 'wrongJson' }, /JSON/],
])('$0.kind is no JSON', async ([fault, message]) => {
  await using zerodb = await startZeroDb()
  zerodb.faults.add({ operation: '*', ...fault })
  await expect(zerodb.query({})).rejects.toThrow(message)
})

test('an answer may have another shape, come byte by byte, or be huge', async () => {
  await using zerodb = await startZeroDb()
  const once = { operation: '*', times: 1 } as const
  zerodb.faults.add({ ...once, kind: 'wrongJson', shape: 'json' })
  expect((await zerodb.query({})).body).toEqual({ result: 'ok' })

  zerodb.faults.add({ ...once, kind: 'trickle', msPerByte: 1 })
  expect((await zerodb.query({})).body).toMatchObject({ total: 0 })

  zerodb.faults.add({ ...once, kind: 'huge', bytes: 3_000_000 })
  const huge = await fetch(`${zerodb.url}/health`)
  expect((await huge.text()).length).toBeGreaterThanOrEqual(3_000_000)
})

test('rows may be of another tenant, changed, or missing', async () => {
  await using zerodb = await startZeroDb()
  const rowData = { id: 'a', tenant_id: 't1', content_body: 'Text' }
  await zerodb.insert(rowData)
  const answerUnder = async (fault: FaultKind) => {
    zerodb.faults.add({ operation: 'query', times: 1, ...fault })
    return rowsOf((await zerodb.query({ filter: { id: 'a' } })).body).map((row) => row.row_data)
  }
  expect(await answerUnder({ kind: 'wrongTenant', tenantId: 't2' })).toEqual([
    { ...rowData, tenant_id: 't2' },
  ])
  expect(await answerUnder({ kind: 'corruptBody' })).toEqual([{ ...rowData, content_body: '#ext' }])
  expect(await answerUnder({ kind: 'staleBody' })).toEqual([
    { ...rowData, content_body: 'An older text.' },
  ])
  expect(await answerUnder({ kind: 'missingRows' })).toEqual([])
  expect(await zerodb.idsOf({ id: 'a', content_body: 'Text' })).toEqual(['a'])
})

test('an ignored filter answers with every row', async () => {
  await using zerodb = await startZeroDb()
  for (const id of ['a', 'b']) await zerodb.insert({ id })
  zerodb.faults.add({ operation: 'query', kind: 'ignoreFilter' })
  expect(await zerodb.idsOf({ id: 'c' })).toEqual(['a', 'b'])
})

test('the panel sets, shows and clears faults and shows the log, without a key', async () => {
  await using zerodb = await startZeroDb()
  const panel = async (method: string, path: string, body?: unknown) => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
    const response = await fetch(zerodb.url + path, init)
    return { status: response.status, body: await response.json() }
  }
  const faults = [{ operation: 'query', kind: 'status', status: 500 }]
  expect(await panel('PUT', '/__faults', faults)).toEqual({ status: 200, body: faults })
  expect((await zerodb.query({})).status).toBe(500)
  expect((await panel('GET', '/__faults')).body).toEqual(faults)
  expect((await panel('GET', '/__calls')).body).toMatchObject([{ operation: 'query', status: 500 }])

  expect((await panel('PUT', '/__faults', [{ operation: 'qery', kind: 'hang' }])).status).toBe(422)
  expect((await panel('PUT', '/__faults', [{ operation: '*', kind: 'fire' }])).status).toBe(422)
  await panel('DELETE', '/__faults')
  await panel('DELETE', '/__calls')
  expect((await zerodb.query({})).status).toBe(200)
  expect(zerodb.calls).toHaveLength(1)
})
