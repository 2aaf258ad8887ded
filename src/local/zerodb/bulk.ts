import { isDeepStrictEqual } from 'node:util'
import type { Reply } from '../exchange.ts'
import { bulkOperators, compileFilter } from './filter.ts'
import { badRequest, isObject, missingField, ok, type Json, type JsonObject } from './replies.ts'
import type { RouteRequest } from './route-request.ts'

/** Above this many rows the caller has to confirm. */
const largeOperation = 100

export function bulkUpdate({ store, table, body }: RouteRequest): Reply {
  const startedAt = performance.now()
  const found = store.getTable(table)
  const filter = readBulkFilter(body)
  const update = readUpdate(body)
  return store.transaction(() => {
    const rows = store.listMatching(found, compileFilter(filter, bulkOperators))
    confirmSize(rows.length, body)
    let modified = 0
    for (const { rowId, rowData } of rows) {
      const next = applyUpdate(rowData, update)
      if (isDeepStrictEqual(next, rowData)) continue
      store.replaceRow(found, rowId, next)
      modified++
    }
    return ok({
      matched_count: rows.length,
      modified_count: modified,
      filter_used: filter,
      update_operators: Object.keys(update),
      execution_time_ms: performance.now() - startedAt,
      warnings: [],
    })
  })
}

export function bulkDelete({ store, table, body }: RouteRequest): Reply {
  const startedAt = performance.now()
  const found = store.getTable(table)
  const filter = readBulkFilter(body)
  const condition = compileFilter(filter, bulkOperators)
  return store.transaction(() => {
    confirmSize(store.count(found, condition), body)
    return ok({
      deleted_count: store.deleteMatching(found, condition),
      filter_used: filter,
      execution_time_ms: performance.now() - startedAt,
      warnings: [],
    })
  })
}

function readBulkFilter({ filter }: JsonObject): JsonObject {
  if (filter === undefined) throw missingField('body', 'filter')
  if (!isObject(filter) || Object.keys(filter).length === 0) {
    throw badRequest('Filter must not be empty')
  }
  return filter
}

function confirmSize(count: number, body: JsonObject): void {
  if (count <= largeOperation || body['confirm_large_operation'] === true) return
  throw badRequest(`${count} rows match: set confirm_large_operation to true`)
}

type Change = (current: Json | undefined, operand: Json, field: string) => Json | undefined

const changes: Readonly<Record<string, Change>> = {
  $set: (_current, operand) => operand,
  $unset: () => undefined,
  $inc(current = 0, operand, field) {
    if (typeof current === 'number' && typeof operand === 'number') return current + operand
    throw badRequest(`$inc needs numbers on '${field}'`)
  },
  $push(current = [], operand, field) {
    if (Array.isArray(current)) return [...current, operand]
    throw badRequest(`$push needs a list on '${field}'`)
  },
  $pull(current = [], operand, field) {
    if (!Array.isArray(current)) throw badRequest(`$pull needs a list on '${field}'`)
    return current.filter((item) => !isDeepStrictEqual(item, operand))
  },
}

type Update = Record<string, JsonObject>

function readUpdate({ update }: JsonObject): Update {
  if (update === undefined) throw missingField('body', 'update')
  if (!isObject(update) || Object.keys(update).length === 0) throw badRequest('Update is empty')
  for (const [name, fields] of Object.entries(update)) {
    if (!Object.hasOwn(changes, name)) throw badRequest(`Unsupported update operator '${name}'`)
    if (!isObject(fields)) throw badRequest(`${name} needs an object of fields`)
  }
  return update as Update
}

function applyUpdate(rowData: JsonObject, update: Update): JsonObject {
  const next = new Map(Object.entries(rowData))
  for (const [name, fields] of Object.entries(update)) {
    for (const [field, operand] of Object.entries(fields)) {
      const value = changes[name]?.(next.get(field), operand, field)
      if (value === undefined) next.delete(field)
      else next.set(field, value)
    }
  }
  return Object.fromEntries(next)
}
