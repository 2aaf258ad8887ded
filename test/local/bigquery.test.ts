import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BigQuery } from '@google-cloud/bigquery'
import { expect, test } from 'vitest'
import { openBigQuery } from '../../src/local/bigquery/open.ts'
import type { FaultKind } from '../../src/local/faults.ts'
import { canary } from '../support/canaries.ts'
import { clientOf, dataset, ended, load, projectId, refusal, row } from './bigquery-client.ts'
import { snapshots, startBigQuery, startWithTable, submit } from './bigquery-client.ts'
import { isRunning, temporaryDirectory, until } from './support.ts'

const all = `SELECT id FROM \`${projectId}.${dataset}.snapshots\`
  WHERE seen_at >= '2020-01-01' ORDER BY id`

async function idsIn(client: BigQuery): Promise<string[]> {
  const [rows] = await client.query(all)
  return (rows as { id: string }[]).map(({ id }) => id)
}

test('datasets and tables are made, found and listed, and made once', async () => {
  await using server = await startWithTable()
  const { client, table } = server

  const [{ numRows, schema, timePartitioning, requirePartitionFilter, clustering }] =
    await table.getMetadata()
  expect({ numRows, requirePartitionFilter }).toEqual({
    numRows: '0',
    requirePartitionFilter: true,
  })
  expect(schema.fields[4]).toEqual({ name: 'version', type: 'INTEGER', mode: 'NULLABLE' })
  expect(timePartitioning).toEqual({ type: 'DAY', field: 'seen_at' })
  expect(clustering).toEqual({ fields: ['tenant'] })
  expect((await client.getDatasets())[0].map(({ id }) => id)).toEqual([dataset])
  expect((await client.dataset(dataset).getTables())[0].map(({ id }) => id)).toEqual(['snapshots'])

  expect(await refusal(client.createDataset(dataset))).toEqual({
    code: 409,
    reason: 'duplicate',
    message: 'Already Exists: Dataset local:copies',
  })
  const again = client.dataset(dataset).createTable('snapshots', { schema: 'id:string' })
  expect(await refusal(again)).toMatchObject({ code: 409, reason: 'duplicate' })
  expect(await client.dataset('none').exists()).toEqual([false])
  expect(await refusal(client.dataset(dataset).table('none').getMetadata())).toEqual({
    code: 404,
    reason: 'notFound',
    message: 'Not found: Table local:copies.none',
  })
})

test('columns are added to a table, and none is changed or taken away', async () => {
  await using server = await startWithTable()
  const { table, client } = server
  await load(table, [row(1)])
  const [{ schema }] = await table.getMetadata()
  const fields = schema.fields as { name: string }[]
  const withFields = (all: object[]) => table.setMetadata({ schema: { fields: all } })

  await withFields([...fields, { name: 'extra', type: 'STRING' }])
  await load(table, [row(2, { extra: 'new' })])

  const [rows] = await client.query(all.replace('SELECT id', 'SELECT id, extra'))
  expect(rows).toEqual([
    { id: 'row-1', extra: null },
    { id: 'row-2', extra: 'new' },
  ])
  const mismatch = { code: 400, reason: 'invalid' }
  expect(await refusal(withFields(fields))).toMatchObject(mismatch)
  const retyped = fields.map((one) => (one.name === 'text' ? { ...one, type: 'DATE' } : one))
  expect(await refusal(withFields(retyped))).toMatchObject(mismatch)
})

test('a file is loaded by a job that ends a moment later, and counted', async () => {
  await using server = await startWithTable()
  const { table, client } = server

  const job = await submit(table, [row(1), row(2)], { jobId: 'job-1' })
  expect(job.metadata).toMatchObject({
    status: { state: 'RUNNING' },
    jobReference: { projectId, jobId: 'job-1', location: 'US' },
  })
  const { status, load: statistics } = await ended(job)

  expect(status).toEqual({ state: 'DONE' })
  expect(statistics).toMatchObject({ inputFiles: '1', outputRows: '2', badRecords: '0' })
  expect(await idsIn(client)).toEqual(['row-1', 'row-2'])
  const [{ numRows, numBytes }] = await table.getMetadata()
  expect({ numRows, numBytes }).toEqual({ numRows: '2', numBytes: statistics?.outputBytes })
})

test('an id of a job is taken for ever, and says so', async () => {
  await using directory = await temporaryDirectory()
  const file = join(directory.path, 'bigquery.duckdb')
  {
    await using first = await startWithTable({ file })
    await load(first.table, [row(1)], { jobId: 'job-1' })
  }
  await using second = await startBigQuery({ file })
  const table = second.client.dataset(dataset).table('snapshots')

  expect(await refusal(submit(table, [row(2)], { jobId: 'job-1' }))).toEqual({
    code: 409,
    reason: 'duplicate',
    message: 'Already Exists: Job local:job-1',
  })
  expect(await ended(second.client.job('job-1'))).toMatchObject({ load: { outputRows: '1' } })
  expect(await idsIn(second.client)).toEqual(['row-1'])
})

test.for<[string, object | string, string]>([
  ['no JSON', '{"id": ', 'Parser terminated before end of string'],
  ['an unknown field', row(2, { nobody: 1 }), 'No such field: nobody.'],
  ['a required field that is missing', { id: 'x' }, 'Field: tenant; Value: NULL'],
  ['a required field that is null', row(2, { tenant: null }), 'Field: tenant; Value: NULL'],
  ['a text for a number', row(2, { version: 'two' }), 'convert value to int64. Field: version'],
  ['no timestamp', row(2, { seen_at: '2026-02-30T00:00:00Z' }), 'convert value to timestamp'],
  ['no date', row(2, { day: 'Monday' }), 'convert value to date. Field: day; Value: "Monday"'],
  ['a list for one value', row(2, { text: ['a'] }), 'Array specified for non-repeated field'],
  [
    'one value for a list',
    row(2, { tags: 'a' }),
    'Repeated field must be imported as a JSON array',
  ],
  ['an object for a text', row(2, { text: {} }), 'JSON object specified for non-record field'],
])('a row with %s spoils the whole file', async ([, bad, message]) => {
  await using server = await startWithTable()
  const first = JSON.stringify(row(1))

  const { status, load: statistics } = await load(server.table, [first, bad, row(3)])

  expect(status?.errorResult).toEqual({
    reason: 'invalid',
    location: 'file-00000000',
    message:
      'Error while reading data, error message: JSON table encountered too many errors, giving ' +
      'up. Rows: 3; errors: 1. Please look into the errors[] collection for more details.',
  })
  const [, proto] = status?.errors ?? []
  expect(proto).toMatchObject({ reason: 'invalid', location: 'file-00000000; line: 2' })
  expect(proto?.message).toContain(`row starting at position ${first.length + 1}: `)
  expect(proto?.message).toContain(message)
  expect(statistics).toMatchObject({ badRecords: '1' })
  expect(await idsIn(server.client)).toEqual([])
})

test('as many bad rows as a load allows are left out, and listed', async () => {
  await using server = await startWithTable()
  const rows = [row(1), 'no row', row(3, { nobody: 1 })]

  const strict = await load(server.table, rows, { maxBadRecords: 1 })
  expect(strict.status).toHaveProperty('errorResult')
  expect(await idsIn(server.client)).toEqual([])

  const { status, load: statistics } = await load(server.table, rows, { maxBadRecords: 2 })
  expect(status).not.toHaveProperty('errorResult')
  expect(status?.errors).toHaveLength(2)
  expect(statistics).toMatchObject({ outputRows: '1', badRecords: '2' })
  expect(await idsIn(server.client)).toEqual(['row-1'])

  await load(server.table, rows.slice(2), { ignoreUnknownValues: true })
  expect(await idsIn(server.client)).toEqual(['row-1', 'row-3'])
})

test('ten thousand rows of five kilobytes are one load', { timeout: 60_000 }, async () => {
  await using server = await startWithTable()
  const text = 'Five kilobytes. '.repeat(312)
  const rows = Array.from({ length: 10_000 }, (_, n) => row(1 + (n % 20), { id: `${n}`, text }))

  const { load: statistics } = await load(server.table, rows)

  expect(statistics).toMatchObject({ outputRows: '10000' })
  const [read] = await server.client.query(`SELECT id, text FROM ${dataset}.snapshots
    WHERE seen_at < '2027-01-01'`)
  expect(read).toHaveLength(10_000)
  expect(server.calls.filter(({ operation }) => operation === 'results')).not.toHaveLength(0)
})

test('a table takes so many loads a day, failed ones included', async () => {
  await using server = await startWithTable({ loadJobsPerTableAndDay: 2 })
  await load(server.table, [row(1)])
  await load(server.table, ['bad'])

  expect(await refusal(submit(server.table, [row(2)]))).toMatchObject({
    code: 403,
    reason: 'quotaExceeded',
    message: expect.stringContaining('Your table exceeded quota for imports') as string,
  })

  await fetch(`${server.url}/__clock`, { method: 'PUT', body: '{"moveByMs":86400000}' })
  await load(server.table, [row(3)])
  expect(await idsIn(server.client)).toEqual(['row-1', 'row-3'])
})

test('a load into a table that is gone ends with that', async () => {
  await using server = await startWithTable()
  await server.table.delete()

  const { status } = await load(server.table, [row(1)])

  expect(status?.errorResult).toEqual({
    reason: 'notFound',
    message: 'Not found: Table local:copies.snapshots',
  })
  const nowhere = server.client.dataset('none').table('snapshots')
  expect(await refusal(submit(nowhere, [row(1)]))).toMatchObject({ code: 404, reason: 'notFound' })
})

test('a file may come in pieces, and a piece twice', async () => {
  await using server = await startWithTable()
  const headers = { authorization: `Bearer ${server.token}` }
  const begin = await fetch(
    `${server.url}/upload/bigquery/v2/projects/${projectId}/jobs?uploadType=resumable`,
    {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({
        jobReference: { projectId, jobId: 'pieces' },
        configuration: {
          load: {
            destinationTable: { projectId, datasetId: dataset, tableId: 'snapshots' },
            sourceFormat: 'NEWLINE_DELIMITED_JSON',
          },
        },
      }),
    },
  )
  const address = begin.headers.get('location') ?? ''
  const file = JSON.stringify(row(1))
  const put = async (from: number, to: number) => {
    const range = `bytes ${from}-${to - 1}/${file.length}`
    const body = file.slice(from, to)
    const response = await fetch(address, {
      method: 'PUT',
      headers: { ...headers, 'content-range': range },
      body,
    })
    return { status: response.status, range: response.headers.get('range') }
  }

  expect(await put(0, 40)).toEqual({ status: 308, range: 'bytes=0-39' })
  expect(await put(0, 40)).toEqual({ status: 308, range: 'bytes=0-39' })
  expect(await put(40, file.length)).toMatchObject({ status: 200 })
  await ended(server.client.job('pieces'))
  expect(await idsIn(server.client)).toEqual(['row-1'])
})

test('only the token is let in, and only to the project', async () => {
  await using server = await startBigQuery()
  const { url, token } = server
  const stranger = clientOf({ url, token: canary('stranger') })
  expect(await refusal(stranger.getDatasets())).toMatchObject({ code: 401, reason: 'authError' })

  const elsewhere = clientOf({ url, token, projectId: 'other' })
  expect(await refusal(elsewhere.getDatasets())).toMatchObject({ code: 404, reason: 'notFound' })
})

test('what the stand-in does not cover is refused, not overlooked', async () => {
  await using server = await startWithTable()
  const { table } = server
  expect(await refusal(table.insert([row(1)]))).toMatchObject({ code: 404 })
  const truncating = table.createWriteStream_({
    sourceFormat: 'NEWLINE_DELIMITED_JSON',
    writeDisposition: 'WRITE_TRUNCATE',
  })
  const refused = new Promise((_, reject) => truncating.once('error', reject))
  truncating.end('{}')
  expect(await refusal(refused)).toMatchObject({
    code: 400,
    message: expect.stringContaining('writeDisposition') as string,
  })
})

test.for<[FaultKind, object]>([
  [
    { kind: 'status', status: 403 },
    { code: 403, reason: 'accessDenied' },
  ],
  [
    { kind: 'status', status: 503 },
    { code: 503, reason: 'backendError' },
  ],
  [
    { kind: 'status', status: 429 },
    { code: 429, reason: 'rateLimitExceeded' },
  ],
  [{ kind: 'reset' }, { message: expect.stringMatching(/ECONNRESET|socket hang up/) as string }],
])('a load may be refused before it is known: $0', async ([fault, answer]) => {
  await using server = await startWithTable()
  server.faults.add({ operation: 'load', times: 1, ...fault })

  const refused = await refusal(submit(server.table, [row(1)], { jobId: 'job-1' }))

  expect(refused).toMatchObject(answer)
  await load(server.table, [row(1)], { jobId: 'job-1' })
  expect(await idsIn(server.client)).toEqual(['row-1'])
})

test('a query may be refused, or be late', async () => {
  await using server = await startWithTable()
  server.faults.add({ operation: 'query', kind: 'status', status: 403, times: 1 })
  expect(await refusal(server.client.query(all))).toMatchObject({
    code: 403,
    reason: 'accessDenied',
  })

  server.faults.add({ operation: 'query', kind: 'latency', ms: 50, times: 1 })
  expect(await idsIn(server.client)).toEqual([])
  expect(server.calls.at(-1)).toMatchObject({ fault: 'latency', status: 200 })
})

test('a load whose answer is lost has begun: its id tells how it went', async () => {
  await using server = await startWithTable()
  server.faults.add({ operation: 'load', kind: 'answerLost', times: 1 })

  await refusal(submit(server.table, [row(1)], { jobId: 'job-1' }))

  expect(await refusal(submit(server.table, [row(1)], { jobId: 'job-1' }))).toMatchObject({
    code: 409,
  })
  expect(await ended(server.client.job('job-1'))).toMatchObject({ load: { outputRows: '1' } })
  expect(await idsIn(server.client)).toEqual(['row-1'])
})

test('rows may be bad for no reason of their own', async () => {
  await using server = await startWithTable()
  server.faults.add({ operation: 'load', kind: 'badRows', count: 2, times: 1 })

  const { status, load: statistics } = await load(server.table, [row(1), row(2), row(3)], {
    maxBadRecords: 2,
  })

  expect(status?.errors).toHaveLength(2)
  expect(statistics).toMatchObject({ outputRows: '1', badRecords: '2' })
  expect(await idsIn(server.client)).toEqual(['row-3'])
})

test('the call log tells what was asked, of which tenant and for which job', async () => {
  await using server = await startWithTable()
  await load(server.table, [row(1)], { jobId: 'job-1' })
  const sql = `SELECT id FROM \`${dataset}.snapshots\` WHERE tenant = @tenant AND seen_at >= '2026-01-01'`
  await server.client.query({ query: sql, params: { tenant: 'a', ids: ['x'] } })

  expect(server.calls[0]).toMatchObject({
    operation: 'load',
    table: 'snapshots',
    keys: ['job-1'],
    status: 200,
  })
  expect(server.calls.at(-1)).toMatchObject({
    operation: 'query',
    table: 'snapshots',
    tenant: 'a',
    sql,
    params: { tenant: 'a', ids: ['x'] },
  })
})

test('the client asks nobody else who it is', async () => {
  await using server = await startBigQuery()
  const origins: string[] = []
  const note = (message: unknown) => {
    const { request } = message as {
      request: { origin?: string; host?: string; protocol?: string }
    }
    origins.push(request.origin ?? `${request.protocol}//${request.host}`)
  }
  const channels = ['http.client.request.start', 'undici:request:create']
  for (const channel of channels) subscribe(channel, note)

  await server.client.getDatasets()

  for (const channel of channels) unsubscribe(channel, note)
  expect(origins).toEqual(['http://127.0.0.1'])
  expect(server.calls).toHaveLength(1)
})

test('as a program it keeps its address, project, token and tables', async () => {
  await using directory = await temporaryDirectory()
  const first = await openBigQuery({ dataDir: directory.path })
  const { url, token } = first
  expect(first.started).toBe(true)
  const client = clientOf(first)
  await client.createDataset(dataset)
  await first[Symbol.asyncDispose]()

  await using second = await openBigQuery({ dataDir: directory.path })
  expect(second).toMatchObject({ url, token, projectId: first.projectId, started: true })
  expect(await client.dataset(dataset).exists()).toEqual([true])
})

test('a load is all or nothing, also when the program is killed', { timeout: 60_000 }, async () => {
  await using directory = await temporaryDirectory()
  const first = await openBigQuery({ dataDir: directory.path })
  const client = clientOf(first)
  await client.createDataset(dataset)
  const [table] = await client.dataset(dataset).createTable('snapshots', snapshots)
  const text = 'Five kilobytes. '.repeat(312)
  const rows = Array.from({ length: 5_000 }, (_, n) => row(1, { id: `${n}`, text }))
  await submit(table, rows, { jobId: 'job-1' })
  const state = await readFile(join(directory.path, 'bigquery.json'), 'utf8')
  const { pid } = JSON.parse(state) as { pid: number }

  process.kill(pid, 'SIGKILL')
  await until(async () => !(await isRunning(pid)))
  await using second = await openBigQuery({ dataDir: directory.path })

  expect(second).toMatchObject({ started: true, url: first.url })
  const { status } = await ended(client.job('job-1'))
  const stored = (await table.getMetadata())[0].numRows as string
  expect(stored).toBe(status?.errorResult ? '0' : '5000')
  expect(await refusal(submit(table, rows, { jobId: 'job-1' }))).toMatchObject({ code: 409 })
  await load(table, rows, { jobId: 'job-2' })
  expect((await table.getMetadata())[0].numRows).toBe(status?.errorResult ? '5000' : '10000')
})
