import type { Partitioning } from '../table-resource.ts'
import { analyze, type Analysis } from './analyzer.ts'
import { compare } from './operators.ts'
import { resolve, type Scope } from './scope.ts'
import type { Expression } from './tree.ts'
import { coerce, scalar, type Typed } from './typed.ts'

interface At {
  analysis: Analysis
  scope: Scope
  /** Under which the table stands in the FROM clause. */
  alias: string
  partitioning: Partitioning
}

/** The smallest and the greatest value an expression has within the partition of a `day`. */
interface Span {
  low: Typed
  high: Typed
}

/**
 * Whether a partition may have rows that meet the condition, in SQL over its `day`; undefined when
 * the condition says nothing of partitions. What compares the column with something constant counts:
 * https://cloud.google.com/bigquery/docs/querying-partitioned-tables#query_a_partitioned_table
 */
export function partitionCondition(at: At, condition: Expression): string | undefined {
  const constant = (one: Expression) => {
    const typed = isConstantShape(one) ? analyze(at.analysis, at.scope, one) : undefined
    return typed?.constant ? typed : undefined
  }
  switch (condition.kind) {
    case 'binary': {
      const { operator, left, right } = condition
      if (operator === 'AND' || operator === 'OR') return combine(at, operator, left, right)
      const span = spanOf(at, left)
      const value = constant(right)
      if (span && value) return within(span, operator, value)
      const turned = spanOf(at, right)
      const other = constant(left)
      return turned && other && within(turned, mirrored[operator] ?? '', other)
    }
    case 'between': {
      const span = spanOf(at, condition.value)
      const [low, high] = [constant(condition.low), constant(condition.high)]
      if (!span || !low || !high) return undefined
      return `(${compare('>=', span.high, low).sql} AND ${compare('<=', span.low, high).sql})`
    }
    case 'in': {
      const span = spanOf(at, condition.value)
      const list = condition.list.map(constant)
      if (!span || list.includes(undefined)) return undefined
      return `(${list.map((one) => within(span, '=', one as Typed)).join(' OR ')})`
    }
    case 'inUnnest': {
      const span = spanOf(at, condition.value)
      const array = constant(condition.array)
      if (!span || !array?.type) return undefined
      const item: Typed = { sql: 'item', type: scalar(array.type.name), constant: true }
      return `EXISTS (SELECT 1 FROM (SELECT unnest(${array.sql}) AS item) WHERE ${within(span, '=', item)})`
    }
    default:
      return undefined
  }
}

/** Looking at an expression must not count its columns as read. */
function isConstantShape(expression: Expression): boolean {
  return expression.kind !== 'name' && !expression.kind.endsWith('Query')
}

function combine(at: At, operator: 'AND' | 'OR', left: Expression, right: Expression) {
  const a = partitionCondition(at, left)
  const b = partitionCondition(at, right)
  if (a !== undefined && b !== undefined) return `(${a} ${operator} ${b})`
  return operator === 'AND' ? (a ?? b) : undefined
}

const mirrored: Readonly<Record<string, string>> = {
  '=': '=',
  '<': '>',
  '>': '<',
  '<=': '>=',
  '>=': '<=',
}

function within({ low, high }: Span, operator: string, value: Typed): string | undefined {
  switch (operator) {
    case '=':
      return `(${compare('<=', low, value).sql} AND ${compare('>=', high, value).sql})`
    case '<':
    case '<=':
      return compare(operator, low, value).sql
    case '>':
    case '>=':
      return compare(operator, high, value).sql
    default:
      return undefined
  }
}

/** The partitioning column, or its day. */
function spanOf(at: At, expression: Expression): Span | undefined {
  const { type } = at.partitioning
  if (isColumn(at, expression)) return type === 'DATE' ? span('DATE', 'day') : instants
  if (type !== 'TIMESTAMP') return undefined
  if (expression.kind === 'cast' && expression.type === 'DATE' && isColumn(at, expression.value)) {
    return span('DATE', 'day')
  }
  if (expression.kind !== 'call') return undefined
  const { name, args } = expression.call
  const [value, part] = args
  if (!value || !isColumn(at, value)) return undefined
  if (name === 'DATE' && args.length === 1) return span('DATE', 'day')
  const isDay = part?.kind === 'name' && part.path.join('.').toUpperCase() === 'DAY'
  return name === 'TIMESTAMP_TRUNC' && isDay ? span('TIMESTAMP', dayStart) : undefined
}

const dayStart = 'CAST(day AS TIMESTAMP)'

function span(type: 'DATE' | 'TIMESTAMP', sql: string): Span {
  const value: Typed = { sql, type: scalar(type), constant: true }
  return { low: value, high: value }
}

const instants: Span = {
  low: { sql: dayStart, type: scalar('TIMESTAMP'), constant: true },
  high: {
    sql: `(${dayStart} + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND)`,
    type: scalar('TIMESTAMP'),
    constant: true,
  },
}

function isColumn({ scope, alias, partitioning }: At, expression: Expression): boolean {
  if (expression.kind !== 'name') return false
  const [first = '', second] = expression.path
  const isQualified = second !== undefined
  if ((second ?? first).toLowerCase() !== partitioning.field.toLowerCase()) return false
  if (isQualified) return first.toLowerCase() === alias.toLowerCase()
  // Throws when another source has a column of that name.
  return coerce(resolve(scope, [first]), scalar(partitioning.type)) !== undefined
}
