import { UpstreamError } from '../../lib/errors.ts'
import { StatusError } from '../http.ts'

export const neighbour = 'ZeroDB'

/** The fields of one row, under the names the table uses. */
export type RowData = Readonly<Record<string, unknown>>

/** A row as ZeroDB keeps it: its id and time beside our data. */
export interface Row {
  rowId: string
  createdAt: string
  data: RowData
}

export interface Page<T> {
  items: T[]
  /** What the server says of the rest; undefined when it says nothing. */
  hasMore: boolean | undefined
}

/**
 * Reads a list in any of the shapes seen in the wild: bare, or under `data`, `rows`, `items` or `files`. An
 * unknown shape is an error, never an empty list.
 */
export function readPage<T>(answer: unknown, readItem: (item: unknown) => T): Page<T> {
  if (Array.isArray(answer)) return { items: answer.map(readItem), hasMore: undefined }
  const page = readObject(answer, 'a list')
  const list = page['data'] ?? page['rows'] ?? page['items'] ?? page['files']
  if (!Array.isArray(list)) throw malformed('answered without a list')
  return { items: list.map(readItem), hasMore: readHasMore(page, list.length) }
}

function readHasMore(page: RowData, length: number): boolean | undefined {
  const { has_more: hasMore, total, skip } = page
  if (typeof hasMore === 'boolean') return hasMore
  if (typeof total !== 'number' || typeof skip !== 'number') return undefined
  return skip + length < total
}

/** A row as `{row_id, row_data}` or `{id, data}`. */
export function readRow(value: unknown): Row {
  const row = readObject(value, 'a row')
  const rowId = row['row_id'] ?? row['id']
  const data = row['row_data'] ?? row['data']
  const createdAt = row['created_at']
  if (typeof rowId !== 'string') throw malformed('answered with a row without an id')
  return {
    rowId,
    createdAt: typeof createdAt === 'string' ? createdAt : '',
    data: readObject(data, 'the data of a row'),
  }
}

export function readTableName(value: unknown): string {
  const table = readObject(value, 'a table')
  const name = table['table_name'] ?? table['name']
  if (typeof name !== 'string') throw malformed('answered with a table without a name')
  return name
}

/** The first of the counters that is there; their names differ by source. */
export function readCount(answer: unknown, ...names: readonly string[]): number {
  const counters = isObject(answer) ? answer : {}
  const count = names.map((name) => counters[name]).find((value) => typeof value === 'number')
  if (count === undefined) throw malformed(`answered without ${names.join(' or ')}`, true)
  return count
}

export function readObject(value: unknown, what: string): RowData {
  if (isObject(value)) return value
  throw malformed(`answered with something else than ${what}`)
}

function isObject(value: unknown): value is RowData {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function malformed(message: string, mayHaveApplied = false): UpstreamError {
  return new UpstreamError(neighbour, 'malformed', message, { mayHaveApplied })
}

/** Whether ZeroDB refused with this status, and with a text like this one. */
export function isStatus(error: unknown, status: number, text = /(?:)/): boolean {
  if (!(error instanceof UpstreamError) || !(error.cause instanceof StatusError)) return false
  return error.cause.status === status && text.test(error.cause.text)
}
