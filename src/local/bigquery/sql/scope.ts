import { quote } from '../identifiers.ts'
import { invalidQuery } from '../replies.ts'
import type { ValueType } from '../types.ts'
import type { Typed } from './typed.ts'

export interface Column {
  name: string
  type: ValueType | null
}

/** What stands in a FROM clause, by the name it goes by. */
export interface ScopedSource {
  alias: string
  columns: readonly Column[]
  /** Hears which columns are read. */
  onRead?: (column: string) => void
}

export interface Scope {
  sources: ScopedSource[]
  /** The SELECT list's names, where they may be used. */
  aliases: Map<string, Typed>
  /** The queries of the WITH clauses around, by their names in lower case. */
  ctes: Ctes
  /** Of the query around. */
  outer: Scope | null
}

/** A query in DuckDB's words. */
export interface AnalyzedQuery {
  sql: string
  columns: Column[]
}

export type Ctes = ReadonlyMap<string, AnalyzedQuery>

/** A scope in which nothing is known. */
export function emptyScope(ctes: Ctes = new Map(), outer: Scope | null = null): Scope {
  return { sources: [], aliases: new Map(), ctes, outer }
}

/** Finds a column by its name, or by its source's and its own. */
export function resolve(scope: Scope, path: readonly string[]): Typed {
  for (let at: Scope | null = scope; at; at = at.outer) {
    const found = resolveHere(at, path)
    if (found) return found
  }
  throw invalidQuery(`Unrecognized name: ${path.join('.')}`)
}

function resolveHere(scope: Scope, path: readonly string[]): Typed | undefined {
  const [first = '', second] = path
  if (path.length > 2) return undefined
  const sources = second === undefined ? scope.sources : sourcesCalled(scope, first)
  const wanted = (second ?? first).toLowerCase()
  const found = sources.flatMap((source) =>
    source.columns
      .filter(({ name }) => name.toLowerCase() === wanted)
      .map((column) => ({ source, column })),
  )
  if (found.length > 1) throw invalidQuery(`Column name ${path.join('.')} is ambiguous`)
  const [only] = found
  if (!only) return second === undefined ? scope.aliases.get(wanted) : undefined
  only.source.onRead?.(only.column.name)
  const sql = `${quote(only.source.alias)}.${quote(only.column.name)}`
  return { sql, type: only.column.type, constant: false }
}

function sourcesCalled(scope: Scope, alias: string): ScopedSource[] {
  return scope.sources.filter((source) => source.alias.toLowerCase() === alias.toLowerCase())
}

/** The columns that `*` or `alias.*` stands for. */
export function expandStar(scope: Scope, of: string | null, except: readonly string[]): Column[] {
  const sources = of === null ? scope.sources : sourcesCalled(scope, of)
  if (sources.length === 0) {
    throw invalidQuery(
      of === null ? 'SELECT * must have a FROM clause' : `Unrecognized name: ${of}`,
    )
  }
  const without = new Set(except.map((name) => name.toLowerCase()))
  return sources
    .flatMap(({ columns }) => columns)
    .filter(({ name }) => !without.has(name.toLowerCase()))
}
