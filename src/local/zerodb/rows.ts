import type { Reply } from '../exchange.ts'
import { compileFilter, valueOf, type Condition } from './filter.ts'
import { checkPaging, readPaging, type Paging } from './paging.ts'
import { badRequest, isObject, missingField, ok, rowNotFound } from './replies.ts'
import { unprocessable, type Json, type JsonObject } from './replies.ts'
import type { RouteRequest } from './route-request.ts'
import type { Page, Store } from './store.ts'

/** Nobody promises an order, so there is one that helps nobody: by the server's random ids. */
const unordered = 'row_id'

export function insertRow({ store, table, body }: RouteRequest): Reply {
  const found = store.getTable(table)
  return { status: 201, body: store.insertRow(found, readRowData(body)) }
}

export function getRow({ store, table, rowId }: RouteRequest): Reply {
  return rowReply(store.findRow(store.getTable(table), rowId))
}

export function replaceRow({ store, table, rowId, body }: RouteRequest): Reply {
  return rowReply(store.replaceRow(store.getTable(table), rowId, readRowData(body)))
}

export function deleteRow({ store, table, rowId }: RouteRequest): Reply {
  if (!store.deleteRow(store.getTable(table), rowId)) throw rowNotFound()
  return ok({ message: 'Row deleted', row_id: rowId })
}

export function listRows({ store, table, query }: RouteRequest): Reply {
  const paging = readPaging(query)
  const everything = { sql: 'true', params: [] }
  const page = store.page(store.getTable(table), { ...everything, order: unordered, ...paging })
  return pageReply(page, paging)
}

export function queryRows({ store, table, body }: RouteRequest): Reply {
  const startedAt = performance.now()
  const { page, paging } = findRows(store, table, readFilter(body['filter']), body)
  return pageReply(page, paging, {
    filter_summary: {},
    execution_time_ms: Math.round((performance.now() - startedAt) * 1000) / 1000,
  })
}

/** One page of the rows that meet the filter, in the order `body.sort` asks for. */
export function findRows(store: Store, table: string, condition: Condition, body: JsonObject) {
  const paging = checkPaging(body['skip'], body['limit'])
  const request = { ...condition, ...paging, order: readSort(body['sort']) }
  return { page: store.page(store.getTable(table), request), paging }
}

/** A body without `filter` asks for everything, e.g. one that calls it `filters`. */
export function readFilter(filter: Json | undefined): Condition {
  if (filter === undefined || filter === null) return compileFilter({})
  if (!isObject(filter)) throw unprocessable(['body', 'filter'], 'Not an object', 'dict_type')
  return compileFilter(filter)
}

function readSort(sort: Json | undefined): string {
  if (sort === undefined || sort === null) return unordered
  if (!isObject(sort)) throw unprocessable(['body', 'sort'], 'Not an object', 'dict_type')
  const keys = Object.entries(sort).map(([field, direction]) => {
    if (direction !== 1 && direction !== -1) throw badRequest(`Sort '${field}' by 1 or -1`)
    return `${sortValue(field)} ${direction === 1 ? 'asc' : 'desc'}`
  })
  return [...keys, unordered].join(', ')
}

/** The server's own timestamps serve rows that have none of that name. */
function sortValue(field: string): string {
  const value = valueOf(field)
  const isTimestamp = field === 'created_at' || field === 'updated_at'
  return isTimestamp ? `coalesce(${value}, ${field})` : value
}

function readRowData({ row_data: rowData }: JsonObject): JsonObject {
  if (rowData === undefined) throw missingField('body', 'row_data')
  if (isObject(rowData)) return rowData
  throw unprocessable(['body', 'row_data'], 'Input should be a valid dictionary', 'dict_type')
}

function rowReply(text: string | undefined): Reply {
  if (text === undefined) throw rowNotFound()
  return { status: 200, body: text }
}

function pageReply(page: Page, { skip, limit }: Paging, extra: object = {}): Reply {
  const hasMore = skip + page.count < page.total
  const head = JSON.stringify({ total: page.total, skip, limit, has_more: hasMore, ...extra })
  const open = Buffer.from(`${head.slice(0, -1)},"data":[`)
  return { status: 200, body: Buffer.concat([open, page.rows, Buffer.from(']}')]) }
}
