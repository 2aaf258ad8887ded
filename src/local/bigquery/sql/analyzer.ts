import type { DuckDBValue } from '@duckdb/node-api'
import type { Table } from '../catalog.ts'
import { invalidQuery, unsupported } from '../replies.ts'
import type { ValueType } from '../types.ts'
import { aggregates, windowFunctions } from './aggregates.ts'
import { rowFunctions } from './functions.ts'
import type { CallFacts, Rule } from './rules.ts'
import { alike, binary, cast, checkComparable, compare } from './operators.ts'
import { resolve, type AnalyzedQuery, type Ctes, type Scope } from './scope.ts'
import type { Call, Expression, OrderItem, Query, Window } from './tree.ts'
import { castSql, literal, noSignature, scalar, unify, type Typed } from './typed.ts'

export interface Parameter {
  name: string
  type: ValueType
  value: DuckDBValue
}

/** A table that a statement reads, with what decides how many bytes that is. */
export interface TableRead {
  table: Table
  columns: Set<string>
  /** Whether a partition may have rows that are wanted, in SQL over its `day`; null: all may. */
  partitions: string | null
}

/** What the analysis of one statement shares. */
export interface Analysis {
  params: readonly Parameter[]
  findTable(path: string): Table
  reads: TableRead[]
  /** Queries within others; `outer` is what they may refer to, `ctes` what they may read from. */
  query(query: Query, ctes: Ctes, outer: Scope | null): AnalyzedQuery
}

const bool = scalar('BOOL')

/** Looks names up, checks types as GoogleSQL does, and says it in DuckDB's words. */
export function analyze(analysis: Analysis, scope: Scope, expression: Expression): Typed {
  const typed = (one: Expression) => analyze(analysis, scope, one)
  switch (expression.kind) {
    case 'literal':
      return literal(expression.type, expression.text)
    case 'param':
      return parameter(analysis, expression.name)
    case 'name':
      return resolve(scope, expression.path)
    case 'array':
      return arrayOf(expression.items.map(typed))
    case 'call':
      return analyzeCall(analysis, scope, expression.call)
    case 'cast':
      return cast(typed(expression.value), expression.type, expression.safe)
    case 'case':
      return analyzeCase(expression, typed)
    case 'not':
      return prefix('NOT', typed(expression.value))
    case 'minus':
      return prefix('-', typed(expression.value))
    case 'binary':
      return binary(expression.operator, typed(expression.left), typed(expression.right))
    case 'between': {
      const all = [expression.value, expression.low, expression.high].map(typed)
      const [value, low, high] = alike('operator BETWEEN', all)
      return condition(`(${value?.sql} BETWEEN ${low?.sql} AND ${high?.sql})`, ...all)
    }
    case 'in': {
      const all = [expression.value, ...expression.list].map(typed)
      const [value, ...list] = alike('operator IN', all)
      return condition(`(${value?.sql} IN (${list.map(({ sql }) => sql).join(', ')}))`, ...all)
    }
    case 'inUnnest':
      return inUnnest(typed(expression.value), typed(expression.array))
    case 'inQuery':
      return inQuery(analysis, scope, typed(expression.value), expression.query)
    case 'is': {
      const value = typed(expression.value)
      if (expression.what !== 'NULL') compare('=', value, literal('BOOL', 'true'))
      return condition(`(${value.sql} IS ${expression.what})`, value)
    }
    case 'exists': {
      const { sql } = analysis.query(expression.query, scope.ctes, scope)
      return { sql: `EXISTS (${sql})`, type: bool, constant: false }
    }
    case 'scalarQuery': {
      const { sql, columns } = analysis.query(expression.query, scope.ctes, scope)
      if (columns.length !== 1) {
        throw invalidQuery('Scalar subquery cannot have more than one column')
      }
      return { sql: `(${sql})`, type: columns[0]?.type ?? null, constant: false }
    }
    case 'interval':
      throw unsupported('INTERVAL outside of the functions that add or subtract it')
  }
}

function condition(sql: string, ...all: readonly Typed[]): Typed {
  return { sql, type: bool, constant: all.every(({ constant }) => constant) }
}

function parameter({ params }: Analysis, name: string): Typed {
  const n = params.findIndex((one) => one.name.toLowerCase() === name.toLowerCase())
  const found = params[n]
  if (!found) throw invalidQuery(`Query parameter '${name}' not found`)
  const sql = castSql(`$${parameterName(n)}`, found.type)
  return { sql, type: found.type, constant: true, written: { literal: null } }
}

/** DuckDB's name of a parameter, by its place. */
export function parameterName(place: number): string {
  return `p${place}`
}

function prefix(operator: 'NOT' | '-', value: Typed): Typed {
  const types = operator === 'NOT' ? ['BOOL'] : ['INT64', 'FLOAT64', 'NUMERIC']
  if (value.type && (value.type.array || !types.includes(value.type.name))) {
    throw noSignature(`operator ${operator}`, [value])
  }
  return { sql: `(${operator} ${value.sql})`, type: value.type ?? bool, constant: value.constant }
}

function arrayOf(items: readonly Typed[]): Typed {
  const same = unify(items)
  const name = same?.[0]?.type?.name
  if (!name) throw invalidQuery('Array elements do not have a common supertype')
  const sql = `[${same.map((item) => item.sql).join(', ')}]`
  return { sql, type: { name, array: true }, constant: items.every(({ constant }) => constant) }
}

function analyzeCase(
  { whens, otherwise }: Extract<Expression, { kind: 'case' }>,
  typed: (one: Expression) => Typed,
): Typed {
  const conditions = whens.map(({ when }) => typed(when))
  for (const one of conditions) if (one.type?.name !== 'BOOL') throw noSignature('CASE', [one])
  const given = [
    ...whens.map(({ value }) => typed(value)),
    ...(otherwise ? [typed(otherwise)] : []),
  ]
  const values = unify(given)
  if (!values) throw noSignature('operator CASE', given)
  const branches = conditions.map(({ sql }, n) => `WHEN ${sql} THEN ${values[n]?.sql}`)
  const last = otherwise ? ` ELSE ${values.at(-1)?.sql}` : ''
  const constant = [...conditions, ...given].every((one) => one.constant)
  return { sql: `CASE ${branches.join(' ')}${last} END`, type: values[0]?.type ?? null, constant }
}

function inUnnest(value: Typed, array: Typed): Typed {
  if (!array.type?.array) throw noSignature('operator IN UNNEST', [array])
  const item: Typed = { ...array, type: scalar(array.type.name) }
  const [same] = alike('operator IN UNNEST', [value, item])
  return condition(`(${same?.sql} IN (SELECT unnest(${array.sql})))`, value, array)
}

function inQuery(analysis: Analysis, scope: Scope, value: Typed, query: Query): Typed {
  const { sql, columns } = analysis.query(query, scope.ctes, scope)
  const [column, ...more] = columns
  if (!column || more.length > 0) {
    throw invalidQuery('Subquery of type IN must have only one output column')
  }
  alike('operator IN', [value, { sql: '', type: column.type, constant: false }])
  return { ...condition(`(${value.sql} IN (${sql}))`), constant: false }
}

function analyzeCall(analysis: Analysis, scope: Scope, call: Call): Typed {
  let constant = true
  const typed = (one: Expression) => {
    const argument = analyze(analysis, scope, one)
    constant &&= argument.constant
    return argument
  }
  const { rule, ofRows } = findRule(analysis, scope, call)
  const emitted = rule({ call, typed, args: () => call.args.map(typed) })
  const { sql, type, wrap = (inner: string) => inner, volatile = false } = emitted
  const over = call.over ? ` OVER (${windowSql(analysis, scope, call.over)})` : ''
  return { sql: wrap(sql + over), type, constant: constant && ofRows && !volatile }
}

function findRule(analysis: Analysis, scope: Scope, call: Call): { rule: Rule; ofRows: boolean } {
  const { name, over } = call
  const ofRow = rowFunctions[name]
  if (ofRow) {
    const isAggregate = call.star || call.distinct || call.ignoreNulls || call.orderBy.length > 0
    if (isAggregate || over) throw invalidQuery(`Function ${name} is not an aggregate function`)
    return { rule: ofRow, ofRows: true }
  }
  const orderBy = ({ call: { orderBy: items } }: CallFacts) =>
    items.length > 0 ? ` ${orderSql(analysis, scope, items)}` : ''
  const ofGroup = aggregates(orderBy)[name]
  if (ofGroup) return { rule: ofGroup, ofRows: false }
  const ofWindow = windowFunctions[name]
  if (!ofWindow) throw unsupported(`the function ${name}`)
  if (!over) throw invalidQuery(`Analytic function ${name} cannot be called without an OVER clause`)
  return { rule: ofWindow, ofRows: false }
}

function windowSql(analysis: Analysis, scope: Scope, window: Window): string {
  const { partitionBy, orderBy, frame } = window
  const by = partitionBy.map((one) => {
    const typed = analyze(analysis, scope, one)
    checkComparable('PARTITION BY', typed)
    if (typed.type?.name === 'FLOAT64') {
      throw invalidQuery('Partitioning by expressions of type FLOAT64 is not allowed')
    }
    return typed.sql
  })
  const parts = [
    by.length > 0 ? `PARTITION BY ${by.join(', ')}` : '',
    orderBy.length > 0 ? orderSql(analysis, scope, orderBy) : '',
    frame,
  ]
  return parts.filter((part) => part !== '').join(' ')
}

function orderSql(analysis: Analysis, scope: Scope, items: readonly OrderItem[]): string {
  const list = items.map((item) => {
    const typed = analyze(analysis, scope, item.value)
    checkComparable('ORDER BY', typed)
    return `${typed.sql} ${directionSql(item)}`
  })
  return `ORDER BY ${list.join(', ')}`
}

export function directionSql({ descending, nulls }: OrderItem): string {
  return `${descending ? 'DESC' : 'ASC'} NULLS ${nulls}`
}
