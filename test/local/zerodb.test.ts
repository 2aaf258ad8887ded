import { expect, test } from 'vitest'
import { apiKey, projectId, rowsOf, startZeroDb } from './support.ts'

const anyText = expect.any(String)
const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/)

test('a table is created once, listed, found by name and by id, and deleted by name', async () => {
  await using zerodb = await startZeroDb()
  const created = await zerodb.call('POST', '/tables', {
    table_name: 'more',
    schema: { id: 'text' },
  })
  expect(created.status).toBe(201)
  expect(created.body).toMatchObject({ id: uuid, table_name: 'more', schema: { id: 'text' } })

  const again = await zerodb.call('POST', '/tables', { table_name: 'more' })
  expect(again).toMatchObject({ status: 409, body: { detail: "Table 'more' already exists" } })

  const list = await zerodb.call('GET', '/tables?limit=1')
  expect(list.body).toMatchObject({ total: 2, skip: 0, limit: 1, has_more: true })
  const { id } = created.body as { id: string }
  expect((await zerodb.call('GET', `/tables/${id}`)).body).toEqual(created.body)

  expect((await zerodb.call('DELETE', '/tables/more')).status).toBe(200)
  expect(await zerodb.call('GET', '/tables/more')).toMatchObject({
    status: 404,
    body: { detail: "Table 'more' not found", error_code: 'TABLE_NOT_FOUND' },
  })
})

test('a body of the older dialect is refused as FastAPI refuses it', async () => {
  await using zerodb = await startZeroDb()
  const required = (field: string) => ({
    status: 422,
    body: { detail: [{ loc: ['body', field], msg: 'Field required', type: 'missing' }] },
  })
  expect(await zerodb.call('POST', '/tables', { name: 'x' })).toMatchObject(required('table_name'))
  for (const body of [{ data: {} }, { rows: [] }]) {
    const answer = await zerodb.call('POST', '/tables/things/rows', body)
    expect(answer).toMatchObject(required('row_data'))
  }
})

test('a row is inserted under an id of the server, read, replaced as a whole and deleted', async () => {
  await using zerodb = await startZeroDb()
  const inserted = await zerodb.insert({ id: 'a', title: 'Größe 🎉', n: 1 })
  expect(inserted).toMatchObject({
    status: 201,
    body: {
      row_id: uuid,
      project_id: projectId,
      table_id: uuid,
      table_name: 'things',
      row_data: { id: 'a', title: 'Größe 🎉', n: 1 },
      created_at: anyText,
      updated_at: anyText,
    },
  })
  const path = `/tables/things/rows/${(inserted.body as { row_id: string }).row_id}`
  expect((await zerodb.call('GET', path)).body).toEqual(inserted.body)

  const replaced = await zerodb.call('PUT', path, { row_data: { id: 'a', n: 2 } })
  expect(replaced).toMatchObject({ status: 200, body: { row_data: { id: 'a', n: 2 } } })
  expect(replaced.body).not.toHaveProperty('row_data.title')

  expect((await zerodb.call('PATCH', path, {})).status).toBe(405)
  expect((await zerodb.call('DELETE', path)).status).toBe(200)
  expect(await zerodb.call('GET', path)).toMatchObject({
    status: 404,
    body: { detail: 'Row not found' },
  })
})

test('nothing makes our own key unique', async () => {
  await using zerodb = await startZeroDb()
  await zerodb.insert({ id: 'a' })
  await zerodb.insert({ id: 'a' })
  expect(await zerodb.idsOf({ id: 'a' })).toEqual(['a', 'a'])
})

test.for<[string, object, string[]]>([
  ['a plain value', { n: 1 }, ['a']],
  ['several keys', { kind: 'x', n: { $gt: 1 } }, ['b']],
  ['$eq', { kind: { $eq: 'x' } }, ['a', 'b']],
  ['$eq null, also where the field is missing', { kind: null }, ['d']],
  ['a boolean, not a number', { flag: true }, ['a']],
  ['a number, not a boolean', { flag: 1 }, ['b']],
  ['$ne, also where the field is missing', { kind: { $ne: 'x' } }, ['c', 'd']],
  ['a range', { n: { $gte: 2, $lt: 3 } }, ['b']],
  ['$lte on numbers, never text', { n: { $lte: 3 } }, ['a', 'b']],
  ['$gt on text, never numbers', { n: { $gt: '2' } }, ['c']],
  ['$in', { id: { $in: ['a', 'c', 'zz'] } }, ['a', 'c']],
  ['$in of nothing', { id: { $in: [] } }, []],
  ['$in with null', { kind: { $in: ['y', null] } }, ['c', 'd']],
  ['$nin', { id: { $nin: ['a', 'b'] } }, ['c', 'd']],
  ['$contains in a list', { tags: { $contains: 'red' } }, ['a']],
  ['$contains in a text', { kind: { $contains: 'y' } }, ['c']],
  ['$regex', { id: { $regex: '^[ab]$' } }, ['a', 'b']],
  ['a path', { 'nested.deep': 1 }, ['d']],
])('a query filters by %s', async ([, filter, ids]) => {
  await using zerodb = await startZeroDb()
  await zerodb.insert({ id: 'a', n: 1, kind: 'x', tags: ['red', 'blue'], flag: true })
  await zerodb.insert({ id: 'b', n: 2, kind: 'x', tags: [], flag: 1 })
  await zerodb.insert({ id: 'c', n: '30', kind: 'y', flag: false })
  await zerodb.insert({ id: 'd', nested: { deep: 1 } })
  expect(await zerodb.idsOf(filter)).toEqual(ids)
})

test.for<[string, object, number]>([
  ['an operator that does not exist', { filter: { a: { $or: [] } } }, 400],
  ['an operator at the top', { filter: { $and: [] } }, 400],
  ['a field name with a space', { filter: { 'a b': 1 } }, 400],
  ['a field name with a quote', { filter: { "a'": 1 } }, 400],
  ['a dangerous pattern', { filter: { a: { $regex: '(a+)+$' } } }, 400],
  ['a broken pattern', { filter: { a: { $regex: '(' } } }, 400],
  ['$in without a list', { filter: { a: { $in: 'x' } } }, 400],
  ['a direction of 2', { sort: { a: 2 } }, 400],
  ['a limit over 1000', { limit: 1001 }, 422],
  ['a limit of 0', { limit: 0 }, 422],
  ['a filter that is a list', { filter: [] }, 422],
])('a query refuses %s', async ([, body, status]) => {
  await using zerodb = await startZeroDb()
  expect((await zerodb.query(body)).status).toBe(status)
})

test('a query pages with skip and limit in the order of sort', async () => {
  await using zerodb = await startZeroDb()
  for (const n of [3, 1, 2]) await zerodb.insert({ id: `k${n}`, n })
  const { body } = await zerodb.query({ sort: { n: -1 }, skip: 1, limit: 1 })
  expect(body).toMatchObject({ total: 3, skip: 1, limit: 1, has_more: true, filter_summary: {} })
  expect(rowsOf(body).map(({ row_data: rowData }) => rowData)).toEqual([{ id: 'k2', n: 2 }])
  const { body: last } = await zerodb.query({ sort: { created_at: 1 }, skip: 2, limit: 2 })
  expect(last).toMatchObject({ total: 3, has_more: false, data: [{ row_id: uuid }] })
})

test('without sort the order is neither that of the keys nor that of insertion', async () => {
  await using zerodb = await startZeroDb()
  const keys = Array.from({ length: 20 }, (_, n) => `k${String(n).padStart(2, '0')}`)
  for (const id of keys) await zerodb.insert({ id })
  const { body } = await zerodb.query({ filter: { id: { $in: keys } } })
  const found = rowsOf(body).map(({ row_data: rowData }) => rowData['id'])
  expect(new Set(found)).toEqual(new Set(keys))
  expect(found).not.toEqual(keys)
})

test('twenty keys of one tenant are found among many rows in one request', async () => {
  await using zerodb = await startZeroDb()
  const rows = Array.from({ length: 300 }, (_, n) => ({ id: `k${n}`, tenant_id: `t${n % 2}` }))
  await Promise.all(rows.map(zerodb.insert))
  const asked = rows.slice(100, 120)
  const filter = { tenant_id: 't0', id: { $in: asked.map(({ id }) => id) } }
  const { body } = await zerodb.query({ filter, limit: 100 })
  expect(body).toMatchObject({ total: 10, has_more: false })
  expect(new Set(rowsOf(body).map((row) => row.row_data))).toEqual(
    new Set(asked.filter((row) => row.tenant_id === 't0')),
  )
})

test('a misspelt filter is ignored, as by the real service', async () => {
  await using zerodb = await startZeroDb()
  await zerodb.insert({ id: 'a' })
  expect((await zerodb.query({ filters: { id: 'b' } })).body).toMatchObject({ total: 1 })
})

test('bulk update changes single fields and counts what matched and what changed', async () => {
  await using zerodb = await startZeroDb()
  await zerodb.insert({ id: 'a', n: 1, tags: ['x', 'y'], old: true })
  await zerodb.insert({ id: 'b', n: 5, tags: ['x'] })
  const update = {
    $set: { title: 'New' },
    $inc: { n: 2 },
    $push: { list: 1 },
    $pull: { tags: 'x' },
    $unset: { old: '' },
  }
  const answer = await zerodb.call('PUT', '/tables/things/rows/bulk', {
    filter: { id: 'a' },
    update,
  })
  expect(answer).toMatchObject({
    status: 200,
    body: { matched_count: 1, modified_count: 1, filter_used: { id: 'a' }, warnings: [] },
  })
  const { body } = await zerodb.query({ filter: { id: 'a' } })
  expect(rowsOf(body)[0]?.row_data).toEqual({
    id: 'a',
    n: 3,
    tags: ['y'],
    title: 'New',
    list: [1],
  })
})

test('bulk operations want a filter, known operators, and a word for more than 100 rows', async () => {
  await using zerodb = await startZeroDb()
  for (let n = 0; n <= 100; n++) await zerodb.insert({ id: `k${n}`, kind: 'x' })
  const bulk = (method: string, body: object) =>
    zerodb.call(method, '/tables/things/rows/bulk', body)

  expect((await bulk('DELETE', { filter: {} })).status).toBe(400)
  expect((await bulk('DELETE', { filter: { kind: { $regex: 'x' } } })).status).toBe(400)
  expect((await bulk('PUT', { filter: { id: 'k1' }, update: { $rename: {} } })).status).toBe(400)
  expect((await bulk('DELETE', { filter: { kind: 'x' } })).status).toBe(400)

  const confirmed = { filter: { kind: 'x' }, confirm_large_operation: true }
  expect(await bulk('DELETE', confirmed)).toMatchObject({
    status: 200,
    body: { deleted_count: 101, filter_used: { kind: 'x' } },
  })
})

test('a bulk update that fails on one row changes none', async () => {
  await using zerodb = await startZeroDb()
  await zerodb.insert({ id: 'a', kind: 'x', n: 1 })
  await zerodb.insert({ id: 'b', kind: 'x', n: 'text' })
  const body = { filter: { kind: 'x' }, update: { $inc: { n: 1 } } }
  expect((await zerodb.call('PUT', '/tables/things/rows/bulk', body)).status).toBe(400)
  expect(await zerodb.idsOf({ n: 1 })).toEqual(['a'])
})

test('a batch answers each of up to 50 queries', async () => {
  await using zerodb = await startZeroDb()
  await zerodb.insert({ id: 'a' })
  const operations = [{ table: 'things', filters: { id: 'a' }, limit: 1 }, { table: 'none' }]
  expect((await zerodb.call('POST', '/batch/query', { operations })).body).toMatchObject({
    total: 2,
    successful: 1,
    failed: 1,
    results: [
      { success: true, data: [{ row_data: { id: 'a' } }] },
      { success: false, status: 404 },
    ],
  })
  const tooMany = { operations: Array.from({ length: 51 }, () => operations[0]) }
  expect((await zerodb.call('POST', '/batch/query', tooMany)).status).toBe(400)
})

test('keys, projects and addresses are checked', async () => {
  await using zerodb = await startZeroDb()
  const get = async (path: string, key?: string) => {
    const response = await fetch(zerodb.url + path, { headers: key ? { 'x-api-key': key } : {} })
    return { status: response.status, body: await response.json() }
  }
  const tables = `/projects/${projectId}/database/tables?limit=1`
  const unauthorized = { status: 401, body: { error_code: 'INVALID_API_KEY' } }
  const noRoute = { status: 404, body: { detail: 'Not Found' } }

  expect(await get('/health')).toMatchObject({ status: 200 })
  expect(await get(`/api/v1${tables}`, apiKey)).toMatchObject({ status: 200 })
  expect(await get(`/v1${tables}`, apiKey)).toMatchObject({ status: 200 })
  expect(await get(`/api/v1${tables}`)).toMatchObject(unauthorized)
  expect(await get(`/api/v1${tables}`, 'wrong')).toMatchObject(unauthorized)
  expect(await get(`/v1/public/${projectId}/database/tables`, apiKey)).toEqual(noRoute)
  expect(await get(`/api/v1/projects/${projectId}/database/rows`, apiKey)).toEqual(noRoute)
  expect(await get('/api/v1/projects/other/database/tables', apiKey)).toEqual({
    status: 404,
    body: { detail: 'Project not found' },
  })
})

test('a body over 16 MB is refused with 413, one that is not JSON with 422', async () => {
  await using zerodb = await startZeroDb()
  const post = (body: string) =>
    fetch(`${zerodb.base}/tables/things/rows`, {
      method: 'POST',
      headers: { 'x-api-key': apiKey },
      body,
    })
  expect((await post('{"row_data":')).status).toBe(422)
  expect((await post(' '.repeat(17 * 1024 ** 2))).status).toBe(413)
})

test('the log tells operation, table, tenant and keys', async () => {
  await using zerodb = await startZeroDb()
  await zerodb.query({ filter: { tenant_id: 't1', id: { $in: ['a', 'b'] } } })
  expect(zerodb.calls).toMatchObject([
    { operation: 'query', table: 'things', tenant: 't1', keys: ['a', 'b'], status: 200 },
  ])
})
