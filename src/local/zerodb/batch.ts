import type { Reply } from '../exchange.ts'
import { badRequest, isObject, missingField, ok, Refusal, type Json } from './replies.ts'
import type { RouteRequest } from './route-request.ts'
import { findRows, readFilter } from './rows.ts'
import type { Store } from './store.ts'

const maxOperations = 50

/**
 * Several queries in one request, each `{table, filters, limit}`. The vendor documents no other item
 * and no shape of the results; a failed item does not fail the others.
 */
export function batchQuery({ store, body }: RouteRequest): Reply {
  const { operations, stop_on_error: stopOnError } = body
  if (!Array.isArray(operations)) throw missingField('body', 'operations')
  if (operations.length > maxOperations) throw badRequest(`At most ${maxOperations} operations`)
  const results: ReturnType<typeof runOperation>[] = []
  for (const operation of operations) {
    const result = runOperation(store, operation)
    results.push(result)
    if (!result.success && stopOnError === true) break
  }
  const successful = results.filter(({ success }) => success).length
  return ok({ total: operations.length, successful, failed: results.length - successful, results })
}

function runOperation(store: Store, operation: Json) {
  try {
    if (!isObject(operation)) throw badRequest('An operation is an object')
    const { table, filters } = operation
    if (typeof table !== 'string') throw badRequest('An operation names its table')
    const { page } = findRows(store, table, readFilter(filters), operation)
    const data: unknown = JSON.parse(`[${Buffer.from(page.rows).toString()}]`)
    return { success: true, total: page.total, data }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { detail } = JSON.parse(error.message) as { detail: unknown }
    return { success: false, error: detail, status: error.reply.status }
  }
}
