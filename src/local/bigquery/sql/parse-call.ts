import type { Parser } from './reader.ts'
import type { Call, OrderItem, Window } from './tree.ts'

/** What stands between the parentheses of a call, and the closing one. */
export function parseArguments(reader: Parser): Omit<Call, 'name' | 'over'> {
  const star = reader.accept('*')
  const distinct = reader.accept('DISTINCT')
  const args = star || reader.isWord(')') ? [] : reader.list(() => reader.expression())
  const ignoreNulls = reader.accept('IGNORE', 'NULLS')
  const orderBy = parseOrderBy(reader)
  const limit = reader.accept('LIMIT') ? Number(reader.next().text) : null
  reader.expect(')')
  return { args, star, distinct, ignoreNulls, orderBy, limit }
}

/** Nothing when no ORDER BY comes next. NULL is the smallest value, unless told otherwise. */
export function parseOrderBy(reader: Parser): OrderItem[] {
  if (!reader.accept('ORDER', 'BY')) return []
  return reader.list(() => {
    const value = reader.expression()
    const descending = reader.accept('DESC')
    if (!descending) reader.accept('ASC')
    if (reader.accept('NULLS', 'FIRST')) return { value, descending, nulls: 'FIRST' }
    if (reader.accept('NULLS', 'LAST')) return { value, descending, nulls: 'LAST' }
    return { value, descending, nulls: descending ? 'LAST' : 'FIRST' }
  })
}

export function parseWindow(reader: Parser): Window {
  reader.expect('(')
  const partitionBy = reader.accept('PARTITION', 'BY') ? reader.list(() => reader.expression()) : []
  const orderBy = parseOrderBy(reader)
  const frame = parseFrame(reader)
  reader.expect(')')
  return { partitionBy, orderBy, frame }
}

function parseFrame(reader: Parser): string {
  if (!reader.isWord('ROWS') && !reader.isWord('RANGE')) return ''
  const unit = reader.next().word
  if (!reader.accept('BETWEEN')) return `${unit} ${parseBound(reader)}`
  const begin = parseBound(reader)
  reader.expect('AND')
  return `${unit} BETWEEN ${begin} AND ${parseBound(reader)}`
}

function parseBound(reader: Parser): string {
  if (reader.accept('CURRENT', 'ROW')) return 'CURRENT ROW'
  const distance = reader.accept('UNBOUNDED') ? 'UNBOUNDED' : readDistance(reader)
  if (reader.accept('PRECEDING')) return `${distance} PRECEDING`
  reader.expect('FOLLOWING')
  return `${distance} FOLLOWING`
}

function readDistance(reader: Parser): string {
  if (reader.peek().kind !== 'number') throw reader.unexpected('integer literal')
  return String(Number(reader.next().text))
}
