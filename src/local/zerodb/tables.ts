import type { Reply } from '../exchange.ts'
import { readPaging } from './paging.ts'
import { missingField, ok, Refusal, unprocessable } from './replies.ts'
import type { RouteRequest } from './route-request.ts'
import type { Table } from './store.ts'

const tableName = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/

export function createTable({ store, body }: RouteRequest): Reply {
  const { table_name: name, description = null, schema = null } = body
  if (name === undefined) throw missingField('body', 'table_name')
  if (typeof name !== 'string' || !tableName.test(name)) {
    throw unprocessable(['body', 'table_name'], 'Invalid table name', 'value_error')
  }
  if (store.findTable(name)) throw new Refusal(409, { detail: `Table '${name}' already exists` })
  const text = typeof description === 'string' ? description : null
  const table = store.createTable(name, text, schema === null ? null : JSON.stringify(schema))
  return { ...ok(describe(table)), status: 201 }
}

export function listTables({ store, query }: RouteRequest): Reply {
  const { skip, limit } = readPaging(query)
  const { total, tables } = store.listTables(skip, limit)
  const hasMore = skip + tables.length < total
  return ok({ total, skip, limit, has_more: hasMore, data: tables.map(describe) })
}

export function getTable({ store, table }: RouteRequest): Reply {
  return ok(describe(store.getTable(table)))
}

export function deleteTable({ store, table }: RouteRequest): Reply {
  store.dropTable(store.getTable(table))
  return ok({ message: `Table '${table}' deleted` })
}

function describe({ id, name, description, schema, created_at, updated_at }: Table) {
  const parsed: unknown = schema === null ? null : JSON.parse(schema)
  return { id, table_name: name, description, schema: parsed, created_at, updated_at }
}
