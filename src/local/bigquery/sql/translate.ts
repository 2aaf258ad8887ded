import { rowsOf, typeOf, type Table } from '../catalog.ts'
import { quote } from '../identifiers.ts'
import { boolean, prune } from './analyze-from.ts'
import { analyzeQuery } from './analyze-query.ts'
import type { Analysis, Parameter, TableRead } from './analyzer.ts'
import { parseStatement } from './parse-statement.ts'
import { emptyScope, type Column, type Scope } from './scope.ts'
import type { Delete } from './tree.ts'

/** A statement in DuckDB's words; its parameters go by `parameterName`. */
export type Translation =
  | { kind: 'query'; sql: string; columns: Column[]; reads: TableRead[] }
  | { kind: 'delete'; sql: string; table: Table; reads: TableRead[] }

/** Translates GoogleSQL; throws a Refusal for what is wrong, and for what it does not know. */
export function translate(
  sql: string,
  params: readonly Parameter[],
  findTable: (path: string) => Table,
): Translation {
  const statement = parseStatement(sql)
  const analysis: Analysis = {
    params,
    findTable,
    reads: [],
    query: (query, ctes, outer) => analyzeQuery(analysis, query, ctes, outer),
  }
  if (statement.kind === 'delete') return translateDelete(analysis, statement.delete)
  const query = analysis.query(statement.query, new Map(), null)
  return { kind: 'query', ...query, reads: analysis.reads }
}

function translateDelete(analysis: Analysis, { table: path, alias, where }: Delete): Translation {
  const table = analysis.findTable(path)
  // What a deletion rewrites, it reads.
  const read: TableRead = {
    table,
    columns: new Set(table.fields.map(({ name }) => name)),
    partitions: null,
  }
  const columns = table.fields.map((field) => ({ name: field.name, type: typeOf(field) }))
  const name = alias ?? table.tableId
  const scope: Scope = { ...emptyScope(), sources: [{ alias: name, columns }] }
  const condition = boolean(analysis, scope, 'WHERE', where)
  prune(analysis, scope, { alias: name, read }, where)
  analysis.reads.push(read)
  const sql = `DELETE FROM ${rowsOf(table)} AS ${quote(name)} WHERE ${condition}`
  return { kind: 'delete', sql, table, reads: analysis.reads }
}
