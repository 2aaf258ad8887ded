import { toPatterns } from '../path-patterns.ts'
import { batchQuery } from './batch.ts'
import { bulkDelete, bulkUpdate } from './bulk.ts'
import { deleteFile, downloadFile, getFile, listFiles, uploadFile } from './files.ts'
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
  'upload',
  'files',
  'file',
  'download',
  'deleteFile',
  'health',
  'unknown',
] as const

export type ZeroDbOperation = (typeof operations)[number]

interface Route {
  method: string
  /** Below the project. */
  path: string
  operation: ZeroDbOperation
  run: Handler
}

const routes: readonly Route[] = [
  { method: 'POST', path: 'database/tables/:table/query', operation: 'query', run: queryRows },
  { method: 'POST', path: 'database/tables/:table/rows', operation: 'insert', run: insertRow },
  { method: 'GET', path: 'database/tables/:table/rows', operation: 'listRows', run: listRows },
  {
    method: 'PUT',
    path: 'database/tables/:table/rows/bulk',
    operation: 'bulkUpdate',
    run: bulkUpdate,
  },
  {
    method: 'DELETE',
    path: 'database/tables/:table/rows/bulk',
    operation: 'bulkDelete',
    run: bulkDelete,
  },
  { method: 'GET', path: 'database/tables/:table/rows/:row', operation: 'getRow', run: getRow },
  { method: 'PUT', path: 'database/tables/:table/rows/:row', operation: 'putRow', run: replaceRow },
  {
    method: 'DELETE',
    path: 'database/tables/:table/rows/:row',
    operation: 'deleteRow',
    run: deleteRow,
  },
  { method: 'POST', path: 'database/batch/query', operation: 'batch', run: batchQuery },
  { method: 'POST', path: 'database/tables', operation: 'tables', run: createTable },
  { method: 'GET', path: 'database/tables', operation: 'tables', run: listTables },
  { method: 'GET', path: 'database/tables/:table', operation: 'tables', run: getTable },
  { method: 'DELETE', path: 'database/tables/:table', operation: 'tables', run: deleteTable },
  { method: 'POST', path: 'files/upload', operation: 'upload', run: uploadFile },
  { method: 'GET', path: 'files', operation: 'files', run: listFiles },
  { method: 'GET', path: 'files/:file', operation: 'file', run: getFile },
  { method: 'GET', path: 'files/:file/content', operation: 'download', run: downloadFile },
  { method: 'DELETE', path: 'files/:file', operation: 'deleteFile', run: deleteFile },
]

const patterns = toPatterns(routes)

/** Refuses with 404 when no route has this path, with 405 when none of them has this method. */
export function findRoute(method: string, path: string) {
  const samePath = patterns.filter(({ pattern }) => pattern.test(path))
  if (samePath.length === 0) throw routeNotFound()
  const found = samePath.find(({ route }) => route.method === method)
  if (!found) throw methodNotAllowed()
  const { table = '', row = '', file = '' } = found.pattern.exec(path)?.groups ?? {}
  const [tableName, rowId, fileId] = [table, row, file].map(decodeURIComponent)
  return { route: found.route, table: tableName ?? '', rowId: rowId ?? '', fileId: fileId ?? '' }
}
