import { batchQuery } from './batch.ts'
import { bulkDelete, bulkUpdate } from './bulk.ts'
import { methodNotAllowed, routeNotFound } from './replies.ts'
import type { Handler } from './route-request.ts'
import { deleteRow, getRow, insertRow, listRows, queryRows, replaceRow } from './rows.ts'
import { createTable, deleteTable, getTable, listTables } from './tables.ts'

export const operations = [
  'query',
  'insert',
  'listRows',
  'getRow',
  'putRow',
  'deleteRow',
  'bulkUpdate',
  'bulkDelete',
  'batch',
  'tables',
  'health',
  'unknown',
] as const

export type ZeroDbOperation = (typeof operations)[number]

interface Route {
  method: string
  /** Below `/database`; segments that start with a colon stand for any text. */
  path: string
  operation: ZeroDbOperation
  run: Handler
}

const routes: readonly Route[] = [
  { method: 'POST', path: 'tables/:table/query', operation: 'query', run: queryRows },
  { method: 'POST', path: 'tables/:table/rows', operation: 'insert', run: insertRow },
  { method: 'GET', path: 'tables/:table/rows', operation: 'listRows', run: listRows },
  { method: 'PUT', path: 'tables/:table/rows/bulk', operation: 'bulkUpdate', run: bulkUpdate },
  { method: 'DELETE', path: 'tables/:table/rows/bulk', operation: 'bulkDelete', run: bulkDelete },
  { method: 'GET', path: 'tables/:table/rows/:row', operation: 'getRow', run: getRow },
  { method: 'PUT', path: 'tables/:table/rows/:row', operation: 'putRow', run: replaceRow },
  { method: 'DELETE', path: 'tables/:table/rows/:row', operation: 'deleteRow', run: deleteRow },
  { method: 'POST', path: 'batch/query', operation: 'batch', run: batchQuery },
  { method: 'POST', path: 'tables', operation: 'tables', run: createTable },
  { method: 'GET', path: 'tables', operation: 'tables', run: listTables },
  { method: 'GET', path: 'tables/:table', operation: 'tables', run: getTable },
  { method: 'DELETE', path: 'tables/:table', operation: 'tables', run: deleteTable },
]

const patterns = routes.map((route) => {
  const source = route.path.replace(/:(\w+)/g, '(?<$1>[^/]+)')
  return { route, pattern: new RegExp(`^${source}$`) }
})

/** Refuses with 404 when no route has this path, with 405 when none of them has this method. */
export function findRoute(method: string, path: string) {
  const samePath = patterns.filter(({ pattern }) => pattern.test(path))
  if (samePath.length === 0) throw routeNotFound()
  const found = samePath.find(({ route }) => route.method === method)
  if (!found) throw methodNotAllowed()
  const { table = '', row = '' } = found.pattern.exec(path)?.groups ?? {}
  return { route: found.route, table: decodeURIComponent(table), rowId: decodeURIComponent(row) }
}
