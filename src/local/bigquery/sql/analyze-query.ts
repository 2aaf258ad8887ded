import { quote } from '../identifiers.ts'
import { invalidQuery, unsupported } from '../replies.ts'
import { boolean, fromSql, prune, type QueryContext } from './analyze-from.ts'
import { analyze, directionSql, type Analysis, type TableRead } from './analyzer.ts'
import { checkComparable } from './operators.ts'
import { emptyScope, expandStar, type AnalyzedQuery, type Column } from './scope.ts'
import type { Ctes, Scope } from './scope.ts'
import type { Expression, OrderItem, Query, Select } from './tree.ts'
import { coerce, scalar, type Typed } from './typed.ts'

/** A query, and what of its parts the analysis has to know. */
export function analyzeQuery(
  analysis: Analysis,
  query: Query,
  known: Ctes,
  outer: Scope | null,
): AnalyzedQuery {
  const ctes = new Map(known)
  for (const { name, query: inner } of query.with) {
    ctes.set(name.toLowerCase(), analyzeQuery(analysis, inner, ctes, outer))
  }
  const context = { analysis, ctes, outer }
  const [body] = query.body
  const { sql, columns, order } =
    query.union.length === 0 && body?.kind === 'select'
      ? analyzeSelect(context, body, query.orderBy)
      : analyzeUnion(context, query)
  const limit = limitSql(context, 'LIMIT', query.limit) + limitSql(context, 'OFFSET', query.offset)
  return { sql: `${sql}${order}${limit}`, columns }
}

function limitSql({ analysis }: QueryContext, word: string, value: Expression | null): string {
  if (!value) return ''
  const typed = analyze(analysis, emptyScope(), value)
  if (typed.type?.name !== 'INT64')
    throw invalidQuery(`${word} expects an integer literal or parameter`)
  return ` ${word} ${typed.sql}`
}

interface Ordered extends AnalyzedQuery {
  order: string
}

function analyzeUnion(context: QueryContext, query: Query): Ordered {
  const { analysis, ctes, outer } = context
  const parts = query.body.map((part) =>
    part.kind === 'nested'
      ? analyzeQuery(analysis, part.query, ctes, outer)
      : analyzeSelect(context, part, []),
  )
  const columns = parts[0]?.columns ?? []
  for (const part of parts) {
    const alike = part.columns.every(({ type }, n) => {
      const first = columns[n]?.type
      return first && type && first.name === type.name && first.array === type.array
    })
    if (part.columns.length !== columns.length || !alike) {
      throw unsupported('UNION of columns of different types')
    }
  }
  const sql = parts.map((part, n) => {
    const word = query.union[n - 1]
    return `${word ? ` UNION ${word === 'ALL' ? 'ALL' : ''} ` : ''}(${part.sql})`
  })
  const scope: Scope = { ...emptyScope(), aliases: aliasesOf(columns) }
  return { sql: sql.join(''), columns, order: orderSql(context, scope, columns, query.orderBy) }
}

function aliasesOf(columns: readonly Column[]): Map<string, Typed> {
  return new Map(
    columns.map(({ name, type }) => [
      name.toLowerCase(),
      { sql: quote(name), type, constant: false },
    ]),
  )
}

function analyzeSelect(
  context: QueryContext,
  select: Select,
  orderBy: readonly OrderItem[],
): Ordered {
  const { analysis, ctes, outer } = context
  const scope = emptyScope(ctes, outer)
  const reads = new Map<string, TableRead>()
  const from = select.from ? fromSql(context, scope, reads, select.from) : ''
  const where = select.where && boolean(analysis, scope, 'WHERE', select.where)
  for (const [alias, read] of reads) prune(analysis, scope, { alias, read }, select.where)
  const items = selectItems(analysis, scope, select)
  const columns = items.map(({ name, typed }) => ({ name, type: typed.type }))
  const named: Scope = {
    ...scope,
    aliases: new Map(items.map(({ name, typed }) => [name.toLowerCase(), typed])),
  }
  const clause = (word: string, value: Expression | null) =>
    value ? ` ${word} ${boolean(analysis, named, word, value)}` : ''
  const list = items.map(({ name, typed }) => `${typed.sql} AS ${quote(name)}`)
  if (select.distinct) for (const { typed } of items) checkComparable('SELECT DISTINCT', typed)
  const sql = [
    `SELECT ${select.distinct ? 'DISTINCT ' : ''}${list.join(', ')}`,
    from,
    where ? ` WHERE ${where}` : '',
    groupSql(analysis, named, select, items.length),
    clause('HAVING', select.having),
    clause('QUALIFY', select.qualify),
  ]
  return { sql: sql.join(''), columns, order: orderSql(context, named, columns, orderBy) }
}

function selectItems(analysis: Analysis, scope: Scope, select: Select) {
  let unnamed = 0
  const items = select.items.flatMap((item) => {
    if (item.kind === 'star') {
      return expandStar(scope, item.of, item.except).map(({ name }) => {
        const path = item.of === null ? [name] : [item.of, name]
        return { name, typed: analyze(analysis, scope, { kind: 'name', path }) }
      })
    }
    const name = item.alias ?? (item.value.kind === 'name' ? item.value.path.at(-1) : undefined)
    const typed = analyze(analysis, scope, item.value)
    const known = coerce(typed, typed.type ?? scalar('INT64')) ?? typed
    return [{ name: name ?? `f${unnamed++}_`, typed: known }]
  })
  const seen = new Set<string>()
  for (const { name } of items) {
    if (seen.has(name.toLowerCase())) {
      throw invalidQuery(
        `Duplicate column names in the result are not supported. Found duplicate(s): ${name}`,
      )
    }
    seen.add(name.toLowerCase())
  }
  return items
}

function groupSql(analysis: Analysis, scope: Scope, select: Select, items: number): string {
  if (select.groupBy.length === 0) return ''
  const list = select.groupBy.map((one) => {
    const place = placeOf(one, items)
    if (place !== undefined) return String(place)
    const typed = analyze(analysis, scope, one)
    checkComparable('GROUP BY', typed)
    return typed.sql
  })
  return ` GROUP BY ${list.join(', ')}`
}

/** `GROUP BY 1` and `ORDER BY 1` mean the first of the SELECT list. */
function placeOf(expression: Expression, items: number): number | undefined {
  if (expression.kind !== 'literal' || expression.type !== 'INT64') return undefined
  const place = Number(expression.text)
  if (place >= 1 && place <= items) return place
  throw invalidQuery(`Column number ${place} is out of range: [1, ${items}]`)
}

/** A name of the SELECT list goes before a column here. */
function orderSql(
  { analysis }: QueryContext,
  scope: Scope,
  columns: readonly Column[],
  orderBy: readonly OrderItem[],
): string {
  if (orderBy.length === 0) return ''
  const list = orderBy.map((item) => {
    const place = placeOf(item.value, columns.length) ?? aliasPlace(item.value, columns)
    if (place !== undefined) return `${place} ${directionSql(item)}`
    const typed = analyze(analysis, scope, item.value)
    checkComparable('ORDER BY', typed)
    return `${typed.sql} ${directionSql(item)}`
  })
  return ` ORDER BY ${list.join(', ')}`
}

function aliasPlace(value: Expression, columns: readonly Column[]): number | undefined {
  if (value.kind !== 'name' || value.path.length !== 1) return undefined
  const wanted = value.path[0]?.toLowerCase()
  const place = columns.findIndex(({ name }) => name.toLowerCase() === wanted)
  return place < 0 ? undefined : place + 1
}
