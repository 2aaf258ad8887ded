import type { Fault } from '../faults.ts'
import type { Reply } from '../exchange.ts'
import { isObject, type Json, type JsonObject } from './replies.ts'

type RowChange = (rowData: JsonObject) => JsonObject

/** Acts out the faults that concern rows on an answer that is otherwise right. */
export function spoilRows(reply: Reply, struck: readonly Fault[]): Reply {
  const changes = struck.map(rowChange).filter((change) => change !== undefined)
  const missing = struck.flatMap((fault) =>
    fault.kind === 'missingRows' ? [fault.count ?? 1] : [],
  )
  if ((changes.length === 0 && missing.length === 0) || reply.status >= 300) return reply
  // Only files say of what kind they are: everything else is JSON.
  if (reply.headers) return { ...reply, body: flipLast(reply.body) }
  const change: RowChange = (rowData) => changes.reduce((data, apply) => apply(data), rowData)
  const answer = JSON.parse(Buffer.from(reply.body).toString()) as Json
  const dropped = missing.reduce((sum, count) => sum + count, 0)
  return { ...reply, body: JSON.stringify(visit(answer, change, dropped)) }
}

/** Rows stand alone, in a page's `data`, or in the `data` of each result of a batch. */
function visit(answer: Json, change: RowChange, dropped: number): Json {
  if (!isObject(answer)) return answer
  const { row_data: rowData, data, results } = answer
  if (isObject(rowData)) return { ...answer, row_data: change(rowData) }
  const inner = (items: Json[]) => items.map((item) => visit(item, change, dropped))
  if (Array.isArray(data)) return { ...answer, data: inner(data.slice(dropped)) }
  return Array.isArray(results) ? { ...answer, results: inner(results) } : answer
}

const anotherTenant = '00000000-0000-4000-8000-00000000dead'

function rowChange(fault: Fault): RowChange | undefined {
  switch (fault.kind) {
    case 'wrongTenant':
      return (rowData) => ({ ...rowData, tenant_id: fault.tenantId ?? anotherTenant })
    case 'staleBody':
      return (rowData) => ({ ...rowData, content_body: 'An older text.' })
    case 'corruptBody':
      return (rowData) => ({ ...rowData, content_body: flipFirst(rowData['content_body']) })
    default:
      return undefined
  }
}

/** Of bytes: a file that is still of its size. */
function flipLast(body: Reply['body']): Uint8Array {
  const bytes = Buffer.from(body)
  const last = bytes.length - 1
  if (last >= 0) bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last)
  return bytes
}

function flipFirst(body: Json | undefined): string {
  const text = typeof body === 'string' ? body : ''
  return (text.startsWith('#') ? '%' : '#') + text.slice(1)
}
