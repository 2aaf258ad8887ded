import { expect, test } from 'vitest'
import { dataset, load, projectId, refusal, row, startWithTable } from './bigquery-client.ts'

const table = `\`${projectId}.${dataset}.snapshots\``
const always = `seen_at >= '2020-01-01'`

/** Three rows of `a`, the second of them in two versions, and one of `b`. */
const rows = [
  row(1, { price: '10.5', rate: 0.5, live: true, day: '2026-01-01', tags: ['x', 'y'] }),
  row(2, { text: 'Old', day: '2026-01-05', meta: { b: { c: 'deep' }, a: [1, 2] } }),
  { ...row(2, { text: 'New', day: '2026-01-05', meta: { n: 1 } }), version: 3 },
  row(3, { price: 3, day: '2026-02-01', live: false, tags: ['z'] }),
  row(4, { tenant: 'b', text: null }),
]

async function startWithRows() {
  const server = await startWithTable()
  await load(server.table, rows)
  server.calls.length = 0
  const query = async (sql: string, params: Record<string, unknown> = {}, options: object = {}) => {
    const [found] = await server.client.query({ query: sql, params, ...options })
    return found as Record<string, unknown>[]
  }
  return { ...server, query }
}

test('values of every type come back as the client shows them', async () => {
  await using server = await startWithRows()

  const [found] = await server.query(`SELECT * FROM ${table} WHERE ${always} AND id = 'row-1'`)

  expect(found).toMatchObject({
    id: 'row-1',
    seen_at: { value: '2026-01-01T00:00:00.000Z' },
    version: 1,
    rate: 0.5,
    live: true,
    day: { value: '2026-01-01' },
    meta: null,
    tags: ['x', 'y'],
  })
  expect(String(found?.['price'])).toBe('10.5')
})

test('JSON comes back as text, its members in order', async () => {
  await using server = await startWithRows()
  const sql = `SELECT meta, TO_JSON_STRING(meta) AS text, JSON_VALUE(meta, '$.b.c') AS deep,
    JSON_VALUE(meta, '$.b') AS none, JSON_QUERY(meta, '$.a') AS list
    FROM ${table} WHERE ${always} AND id IN ('row-1', 'row-2') ORDER BY version`

  expect(await server.query(sql)).toEqual([
    { meta: null, text: 'null', deep: null, none: null, list: null },
    {
      meta: '{"a":[1,2],"b":{"c":"deep"}}',
      text: '{"a":[1,2],"b":{"c":"deep"}}',
      deep: 'deep',
      none: null,
      list: '[1,2]',
    },
    { meta: '{"n":1}', text: '{"n":1}', deep: null, none: null, list: null },
  ])
})

test('a string in a JSON column stays a string', async () => {
  await using server = await startWithTable()
  await load(server.table, [row(1, { meta: '{"a":1}' })])
  const [found] = await server.client.query(`SELECT meta FROM ${table} WHERE ${always}`)
  expect(found).toEqual([{ meta: '"{\\"a\\":1}"' }])
})

test('the latest of each id, of those asked for, of one tenant', async () => {
  await using server = await startWithRows()
  const sql = `SELECT id, text FROM ${table}
    WHERE tenant = @tenant AND seen_at >= @from AND seen_at < @to AND id IN UNNEST(@ids)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY version DESC) = 1
    ORDER BY id`
  const params = {
    tenant: 'a',
    from: new Date('2026-01-01'),
    to: server.client.timestamp('2026-01-04T00:00:00Z'),
    ids: ['row-2', 'row-3', 'row-4', 'none'],
  }

  expect(await server.query(sql, params)).toEqual([
    { id: 'row-2', text: 'New' },
    { id: 'row-3', text: 'Text 3' },
  ])
  const none = { params: { ...params, ids: [] }, types: { ids: ['STRING'] } }
  expect((await server.client.query({ query: sql, ...none }))[0]).toEqual([])
})

test('groups are summed by month, and divided by nothing safely', async () => {
  await using server = await startWithRows()
  const sql = `SELECT tenant, DATE_TRUNC(day, MONTH) AS month, SUM(version) AS versions,
      COUNT(*) AS n, COUNTIF(live) AS live, COUNT(DISTINCT id) AS ids,
      SAFE_DIVIDE(SUM(version), COUNTIF(live)) AS ratio
    FROM ${table} WHERE ${always} AND day >= '2026-01-01'
    GROUP BY tenant, month ORDER BY month`

  expect(await server.query(sql)).toEqual([
    {
      tenant: 'a',
      month: { value: '2026-01-01' },
      versions: 6,
      n: 3,
      live: 1,
      ids: 2,
      ratio: 6,
    },
    {
      tenant: 'a',
      month: { value: '2026-02-01' },
      versions: 3,
      n: 1,
      live: 0,
      ids: 1,
      ratio: null,
    },
  ])
})

test.for<[string, unknown]>([
  [`IF(version > 1, 'more', 'one')`, 'one'],
  [`CASE WHEN live THEN 'on' ELSE 'off' END`, 'on'],
  [`CASE version WHEN 1 THEN 'one' END`, 'one'],
  [`COALESCE(NULL, text, 'none')`, 'Text 1'],
  [`IFNULL(meta, JSON '{"a": 1}')`, '{"a":1}'],
  [`NULLIF(version, 1)`, null],
  [`CAST(version AS STRING)`, '1'],
  [`CAST(CAST(version AS FLOAT64) AS STRING)`, '1'],
  [`CAST('12' AS INT64) + 1`, 13],
  [`SAFE_CAST('1.5' AS INT64)`, null],
  [`CAST(2.5 AS INT64)`, 3],
  [`CAST(seen_at AS STRING)`, '2026-01-01 00:00:00+00'],
  [`CAST(price AS STRING)`, '10.5'],
  [`CAST(price * 2 AS FLOAT64)`, 21],
  [`version / 4`, 0.25],
  [`-version + 3 * 2`, 5],
  [`DATE(seen_at) = day`, true],
  [`CAST(TIMESTAMP('2026-01-01T02:00:00+02:00') = seen_at AS STRING)`, 'true'],
  [
    `CAST(TIMESTAMP_TRUNC(TIMESTAMP '2026-03-04 05:06:07Z', DAY) AS STRING)`,
    '2026-03-04 00:00:00+00',
  ],
  [`CAST(TIMESTAMP_ADD(seen_at, INTERVAL 90 MINUTE) AS STRING)`, '2026-01-01 01:30:00+00'],
  [`TIMESTAMP_DIFF(TIMESTAMP '2026-01-02 23:00:00Z', seen_at, DAY)`, 1],
  [`DATE_DIFF(DATE '2026-03-01', day, MONTH)`, 2],
  [`CAST(DATE_TRUNC(DATE '2026-01-07', WEEK(MONDAY)) AS STRING)`, '2026-01-05'],
  [`CAST(DATE_TRUNC(DATE '2026-01-07', WEEK) AS STRING)`, '2026-01-04'],
  [`CAST(DATE_TRUNC(DATE '2026-01-04', WEEK) AS STRING)`, '2026-01-04'],
  [`CAST(DATE_SUB(DATE '2026-03-31', INTERVAL 1 MONTH) AS STRING)`, '2026-02-28'],
  [`EXTRACT(YEAR FROM seen_at)`, 2026],
  [`UNIX_MILLIS(seen_at)`, Date.UTC(2026, 0, 1)],
  [`CURRENT_TIMESTAMP() > seen_at`, true],
  [`LENGTH(GENERATE_UUID())`, 36],
  [`GREATEST(version, NULL)`, null],
  [`CONCAT(text, '-', id)`, 'Text 1-row-1'],
  [`text || '!'`, 'Text 1!'],
  [`text LIKE 'Te%1'`, true],
  [`LENGTH('ä') + BYTE_LENGTH('ä')`, 3],
  [`UPPER(SAFE_CAST(id AS STRING))`, 'ROW-1'],
  [`ARRAY_LENGTH(tags)`, 2],
  [`'x' IN UNNEST(tags)`, true],
  [`version BETWEEN 1 AND 2 AND NOT (version IN (2, 3))`, true],
  [`meta IS NULL AND live IS TRUE`, true],
  [`'it\\'s' = "it's"`, true],
  [`(SELECT COUNT(*) FROM ${table} WHERE ${always})`, 5],
  [`EXISTS (SELECT 1 FROM UNNEST(['a', 'b']) AS letter WHERE letter = 'b')`, true],
])('%s', async ([expression, value]) => {
  await using server = await startWithRows()
  const sql = `SELECT ${expression} AS value FROM ${table} WHERE ${always} AND id = 'row-1'`
  expect(await server.query(sql)).toEqual([{ value }])
})

test('aggregates gather in the order asked for', async () => {
  await using server = await startWithRows()
  const sql = `SELECT ARRAY_AGG(text IGNORE NULLS ORDER BY version DESC LIMIT 2) AS two,
      STRING_AGG(id, '+' ORDER BY id, version) AS ids, ANY_VALUE(tenant) AS tenant,
      MIN(seen_at) AS first, MAX(day) AS last, AVG(version) AS average, LOGICAL_OR(live) AS live
    FROM ${table} WHERE ${always} AND tenant = 'a' AND version <> 3`

  expect(await server.query(sql)).toEqual([
    {
      two: ['Old', 'Text 1'],
      ids: 'row-1+row-2',
      tenant: 'a',
      first: { value: '2026-01-01T00:00:00.000Z' },
      last: { value: '2026-01-05' },
      average: 1.5,
      live: true,
    },
  ])
})

test('NULL is the smallest, and a name of the list goes before a column', async () => {
  await using server = await startWithRows()
  const order = async (by: string) => {
    const sql = `SELECT id AS text, version FROM ${table} WHERE ${always} AND version <> 3`
    return (await server.query(`${sql} ORDER BY ${by}`)).map(({ version }) => version)
  }

  expect(await order('text DESC')).toEqual([4, 2, 1])
  expect(await order('snapshots.text')).toEqual([4, 2, 1])
  expect(await order('snapshots.text DESC')).toEqual([1, 2, 4])
  expect(await order('2')).toEqual([1, 2, 4])
})

test('queries nest, join and add up', async () => {
  await using server = await startWithRows()
  const sql = `WITH latest AS (
      SELECT id, MAX(version) AS version FROM ${table} WHERE ${always} GROUP BY id
    )
    SELECT s.id, s.text FROM ${table} AS s JOIN latest ON latest.id = s.id
      AND latest.version = s.version
    WHERE s.seen_at >= '2020-01-01' AND s.tenant = 'a'
    UNION ALL SELECT 'none', CAST(NULL AS STRING)
    ORDER BY id LIMIT @limit`

  expect(await server.query(sql, { limit: 3 })).toEqual([
    { id: 'none', text: null },
    { id: 'row-1', text: 'Text 1' },
    { id: 'row-2', text: 'New' },
  ])
  const one = `WITH one AS (SELECT 'row-1' AS id)
    SELECT text FROM ${table} WHERE ${always} AND id IN (SELECT id FROM one)`
  expect(await server.query(one)).toEqual([{ text: 'Text 1' }])
  expect(await server.query('SELECT 1, 2 AS two, 3')).toEqual([{ f0_: 1, two: 2, f1_: 3 }])
})

test('a deletion says how many rows are gone', async () => {
  await using server = await startWithRows()
  const sql = `DELETE FROM ${table} WHERE tenant = @tenant AND seen_at >= @from AND seen_at < @to
    AND id IN UNNEST(@ids) AND text <> 'Old'`
  const params = {
    tenant: 'a',
    from: new Date('2026-01-02'),
    to: new Date('2026-02-01'),
    ids: ['row-1', 'row-2', 'row-3', 'row-4'],
  }

  const [, job, answer] = (await server.client.query({ query: sql, params })) as unknown as [
    unknown,
    { job: { getMetadata(): Promise<[{ statistics: { query: object } }]> } },
    object,
  ]

  expect(answer).toMatchObject({ numDmlAffectedRows: '2', dmlStats: { deletedRowCount: '2' } })
  const [{ statistics }] = await job.job.getMetadata()
  expect(statistics.query).toMatchObject({ statementType: 'DELETE', numDmlAffectedRows: '2' })
  const left = await server.query(`SELECT text FROM ${table} WHERE ${always} ORDER BY version`)
  expect(left.map(({ text }) => text)).toEqual(['Text 1', 'Old', null])
  expect((await server.table.getMetadata())[0].numRows).toBe('3')
})

test.for<[string, RegExp]>([
  [`SELECT id FROM ${table}`, /without a filter over column\(s\) 'seen_at' that can be used/],
  [`SELECT id FROM ${table} WHERE tenant = 'a'`, /without a filter over column/],
  [`SELECT id FROM ${table} WHERE seen_at > TIMESTAMP(day)`, /without a filter over column/],
  [`SELECT id FROM ${table} WHERE ${always} OR tenant = 'a'`, /without a filter over column/],
  [`DELETE FROM ${table} WHERE tenant = 'a'`, /without a filter over column/],
  [`DELETE FROM ${table}`, /Expected keyword WHERE/],
  [`SELECT id AS at FROM ${table} WHERE ${always}`, /Expected identifier but got "at"/],
  [`SELECT nobody FROM ${table} WHERE ${always}`, /Unrecognized name: nobody/],
  [
    `SELECT id FROM ${table} WHERE ${always} AND version = '1'`,
    /No matching signature.*INT64, STRING/,
  ],
  [`SELECT id FROM ${table} WHERE ${always} AND meta = meta`, /No matching signature/],
  [`SELECT meta FROM ${table} WHERE ${always} GROUP BY meta`, /No matching signature/],
  [
    `SELECT text, COUNT(*) FROM ${table} WHERE ${always} GROUP BY id`,
    /must appear in the GROUP BY/,
  ],
  [`SELECT id, id FROM ${table} WHERE ${always}`, /Duplicate column names/],
  [`SELECT @none`, /Query parameter 'none' not found/],
  [`SELECT SOUNDEX(id) FROM ${table} WHERE ${always}`, /does not support the function SOUNDEX/],
  [`SELECT * FROM copies.none`, /Not found: Table local:copies.none/],
  [`SELECT * FROM other.copies.snapshots`, /Access Denied/],
  [`UPDATE ${table} SET id = 'x' WHERE TRUE`, /does not support statements that begin with UPDATE/],
  [`SELECT 1 +`, /Syntax error: Unexpected end of script at \[1:11\]/],
  [`SELECT price / 2 FROM ${table} WHERE ${always}`, /division of NUMERIC/],
  [`SELECT version / 0 FROM ${table} WHERE ${always}`, /division by zero/],
  [`SELECT 'it''s'`, /Expected end of input/],
  [`SELECT 1; SELECT 2`, /Unexpected ";"/],
])('%s is refused', async ([sql, message]) => {
  await using server = await startWithRows()
  expect((await refusal(server.query(sql))).message).toMatch(message)
})

test('a query pays for the columns it names, in the partitions its filter leaves', async () => {
  await using server = await startWithRows()
  const bytesOf = async (sql: string, params: object = {}) => {
    const [, answer] = await server.client.createQueryJob({ query: sql, params, dryRun: true })
    return Number(answer.statistics?.totalBytesProcessed)
  }
  const ids = (where: string) => `SELECT id FROM ${table} WHERE ${where}`
  // A text takes two bytes and itself, a timestamp eight.
  const one = 2 + 'row-1'.length + 8

  expect(await bytesOf(ids(always))).toBe(5 * one)
  expect(await bytesOf(ids(`seen_at >= '2026-01-02' AND seen_at < '2026-01-03'`))).toBe(2 * one)
  expect(await bytesOf(ids(`seen_at > '2026-01-02 12:00:00Z'`))).toBe(4 * one)
  expect(await bytesOf(ids(`'2026-01-02' >= seen_at`))).toBe(3 * one)
  expect(await bytesOf(ids(`seen_at BETWEEN '2026-01-01' AND '2026-01-02'`))).toBe(3 * one)
  expect(await bytesOf(ids(`DATE(seen_at) = '2026-01-02'`))).toBe(2 * one)
  expect(await bytesOf(ids(`seen_at = '2026-01-01' OR seen_at > '2026-01-04'`))).toBe(2 * one)
  const days = { days: [server.client.date('2026-01-01'), server.client.date('2026-01-03')] }
  expect(await bytesOf(ids('DATE(seen_at) IN UNNEST(@days)'), days)).toBe(2 * one)
  expect(await bytesOf(`SELECT version FROM ${table} WHERE ${always}`)).toBe(5 * 16)
  expect(server.calls.every(({ operation }) => operation === 'query')).toBe(true)
})

test('parameters may be of every type, and null', async () => {
  await using server = await startWithRows()
  const { client } = server
  const params = {
    text: "it's $p0",
    whole: 7,
    half: 0.5,
    yes: true,
    day: client.date('2026-01-31'),
    moment: new Date('2026-01-02T03:04:05Z'),
    days: [client.date('2026-01-31')],
    nothing: null,
  }
  const query = `SELECT @text AS text, @whole AS whole, @half AS half, @yes AS yes, @day AS day,
    @moment AS moment, @days AS days, @nothing IS NULL AS nothing, '@text $p1' AS plain`

  const [[found]] = await client.query({ query, params, types: { nothing: 'STRING' } })

  expect(found).toEqual({
    text: "it's $p0",
    whole: 7,
    half: 0.5,
    yes: true,
    day: { value: '2026-01-31' },
    moment: { value: '2026-01-02T03:04:05.000Z' },
    days: [{ value: '2026-01-31' }],
    nothing: true,
    plain: '@text $p1',
  })
})

test('a query that would cost more than allowed is not run', async () => {
  await using server = await startWithRows()
  const query = `SELECT id FROM ${table} WHERE ${always}`

  expect(await refusal(server.query(query, {}, { maximumBytesBilled: '10000000' }))).toEqual({
    code: 400,
    reason: 'bytesBilledLimitExceeded',
    message: 'Query exceeded limit for bytes billed: 10000000. 10485760 or higher required.',
  })
  expect(await server.query(query, {}, { maximumBytesBilled: '10485760' })).toHaveLength(5)
})

test('results come in pages, by client or by hand', async () => {
  await using server = await startWithRows()
  const query = `SELECT id FROM ${table} WHERE ${always} ORDER BY id, version`

  expect(await server.query(query, {}, { maxResults: 2 })).toHaveLength(5)

  const [job] = await server.client.createQueryJob({ query })
  const page = { maxResults: 2, autoPaginate: false }
  const [first, next] = await job.getQueryResults(page)
  expect(first).toEqual([{ id: 'row-1' }, { id: 'row-2' }])
  const [second] = await job.getQueryResults(next ?? {})
  expect(second).toEqual([{ id: 'row-2' }, { id: 'row-3' }])
  const [last] = await job.getQueryResults({ startIndex: '4', autoPaginate: false })
  expect(last).toEqual([{ id: 'row-4' }])
  const [cancelled] = await job.cancel()
  expect(cancelled).toMatchObject({ kind: 'bigquery#jobCancelResponse' })
})

test('a query repeated under one request id is one query', async () => {
  await using server = await startWithRows()
  const ask = async () => {
    const response = await fetch(`${server.url}/bigquery/v2/projects/${projectId}/queries`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        query: `DELETE FROM ${table} WHERE ${always}`,
        useLegacySql: false,
        requestId: '7d0cbb1e-55f5-4f4c-a4ff-000000000001',
      }),
    })
    return (await response.json()) as object
  }

  expect(await ask()).toMatchObject({ numDmlAffectedRows: '5' })
  expect(await ask()).toMatchObject({ numDmlAffectedRows: '5' })
})

test('timestamps keep their microseconds, in the form asked for', async () => {
  await using server = await startWithRows()
  const query = `SELECT TIMESTAMP '2026-01-02 03:04:05.678901Z' AS moment`
  const answer = async (formatOptions: object) => {
    const response = await fetch(`${server.url}/bigquery/v2/projects/${projectId}/queries`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, useLegacySql: false, formatOptions }),
    })
    const { rows: found } = (await response.json()) as { rows: [{ f: [{ v: string }] }] }
    return found[0].f[0].v
  }

  expect(await server.query(query)).toMatchObject([
    { moment: { value: '2026-01-02T03:04:05.678901000Z' } },
  ])
  expect(await answer({ useInt64Timestamp: true })).toBe('1767323045678901')
  expect(await answer({})).toBe('1.767323045678901E9')
  expect(await answer({ timestampOutputFormat: 'ISO8601_STRING' })).toBe(
    '2026-01-02T03:04:05.678901Z',
  )
})
