import { rowsOf, typeOf } from '../catalog.ts'
import { quote } from '../identifiers.ts'
import { invalidQuery, unsupported } from '../replies.ts'
import { analyze, type Analysis, type TableRead } from './analyzer.ts'
import { partitionCondition } from './partition-filter.ts'
import type { Column, Ctes, Scope, ScopedSource } from './scope.ts'
import type { Expression, Join, Select, Source } from './tree.ts'
import { coerce, scalar } from './typed.ts'

export interface QueryContext {
  analysis: Analysis
  ctes: Ctes
  outer: Scope | null
}

/** The FROM clause; the scope gets its columns, `reads` its tables by their aliases. */
export function fromSql(
  context: QueryContext,
  scope: Scope,
  reads: Map<string, TableRead>,
  { source, joins }: NonNullable<Select['from']>,
): string {
  const first = sourceSql(context, scope, reads, source)
  const rest = joins.map((join) => {
    const sql = sourceSql(context, scope, reads, join.source)
    return ` ${join.type} JOIN ${sql}${onSql(context.analysis, scope, join)}`
  })
  return ` FROM ${first}${rest.join('')}`
}

function onSql(analysis: Analysis, scope: Scope, { on }: Join): string {
  return on ? ` ON ${boolean(analysis, scope, 'ON', on)}` : ''
}

function sourceSql(
  { analysis, ctes, outer }: QueryContext,
  scope: Scope,
  reads: Map<string, TableRead>,
  source: Source,
): string {
  const add = (alias: string, columns: readonly Column[], onRead?: ScopedSource['onRead']) => {
    if (scope.sources.some((one) => one.alias.toLowerCase() === alias.toLowerCase())) {
      throw invalidQuery(`Duplicate table alias ${alias} in the same FROM clause`)
    }
    scope.sources.push({ alias, columns, ...(onRead && { onRead }) })
    return quote(alias)
  }
  if (source.kind === 'unnest') {
    const array = analyze(analysis, scope, source.array)
    if (!array.type?.array) throw invalidQuery('Values referenced in UNNEST must be arrays')
    const alias = source.alias ?? `unnest_${scope.sources.length}`
    const name = add(alias, [{ name: alias, type: scalar(array.type.name) }])
    return `(SELECT unnest(${array.sql}) AS ${name}) AS ${name}`
  }
  const inner =
    source.kind === 'query'
      ? analysis.query(source.query, ctes, outer)
      : ctes.get(source.path.toLowerCase())
  if (inner) {
    const usual = source.kind === 'table' ? source.path : `query_${scope.sources.length}`
    return `(${inner.sql}) AS ${add(source.alias ?? usual, inner.columns)}`
  }
  if (source.kind !== 'table') throw unsupported('this FROM clause')
  const table = analysis.findTable(source.path)
  const read: TableRead = { table, columns: new Set(), partitions: null }
  const columns = table.fields.map((field) => ({ name: field.name, type: typeOf(field) }))
  const alias = source.alias ?? table.tableId
  const name = add(alias, columns, (column) => read.columns.add(column))
  reads.set(alias, read)
  analysis.reads.push(read)
  return `${rowsOf(table)} AS ${name}`
}

/** Notes which partitions the filter leaves, and refuses a query that has none where it must. */
export function prune(
  analysis: Analysis,
  scope: Scope,
  { alias, read }: { alias: string; read: TableRead },
  where: Expression | null,
): void {
  const { table } = read
  if (!table.partitioning) return
  const at = { analysis, scope, alias, partitioning: table.partitioning }
  read.partitions = where ? (partitionCondition(at, where) ?? null) : null
  if (read.partitions !== null || !table.requiresFilter) return
  const path = table.fullName.replace(':', '.')
  throw invalidQuery(
    `Cannot query over table '${path}' without a filter over column(s) ` +
      `'${table.partitioning.field}' that can be used for partition elimination`,
  )
}

/** A condition, as the clause `word` takes it. */
export function boolean(analysis: Analysis, scope: Scope, word: string, value: Expression): string {
  const typed = analyze(analysis, scope, value)
  const condition = coerce(typed, scalar('BOOL'))
  if (condition) return condition.sql
  throw invalidQuery(`${word} clause should return type BOOL, but returns ${typed.type?.name}`)
}
