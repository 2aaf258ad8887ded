import { invalidQuery } from '../replies.ts'
import { describeType, storedTypeSql, type TypeName, type ValueType } from '../types.ts'
import { parseText, parseTimestamp } from '../values.ts'

/** An expression in DuckDB's words, with what GoogleSQL knows of it. */
export interface Typed {
  sql: string
  /** Null for an untyped NULL. */
  type: ValueType | null
  /** The same for every row. */
  constant: boolean
  /** Literals and parameters take other types where their own does not fit. */
  written?: { literal: string | null }
}

export function scalar(name: TypeName): ValueType {
  return { name, array: false }
}

export function sqlString(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A literal of GoogleSQL. */
export function literal(type: TypeName | 'NULL', text: string): Typed {
  if (type === 'NULL') return { sql: 'NULL', type: null, constant: true }
  return {
    sql: literalSql(type, text),
    type: scalar(type),
    constant: true,
    written: { literal: text },
  }
}

function literalSql(type: TypeName, text: string): string {
  if (type === 'STRING') return sqlString(text)
  if (type === 'BOOL') return text
  const value = parseText(type, text)
  if (value === undefined || value === null) throw invalidQuery(`Invalid ${type} literal: ${text}`)
  if (type === 'TIMESTAMP') return `make_timestamp(${parseTimestamp(text)})`
  return `CAST(${sqlString(String(value))} AS ${storedTypeSql(scalar(type))})`
}

export function castSql(sql: string, type: ValueType): string {
  return `CAST(${sql} AS ${storedTypeSql(type)})`
}

export function isType(typed: Typed, ...names: readonly TypeName[]): boolean {
  return typed.type === null || (!typed.type.array && names.includes(typed.type.name))
}

const wider: Partial<Record<TypeName, readonly TypeName[]>> = {
  INT64: ['NUMERIC', 'FLOAT64'],
  NUMERIC: ['FLOAT64'],
}

/**
 * The expression as another type, where GoogleSQL converts by itself:
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_rules#coercion
 */
export function coerce(typed: Typed, to: ValueType): Typed | undefined {
  const { type: from, sql, written } = typed
  if (from === null) return { ...typed, sql: castSql('NULL', to), type: to }
  if (from.array !== to.array) return undefined
  if (from.name === to.name) return typed
  if (from.array) return undefined
  const { written: _, ...rest } = typed
  if (wider[from.name]?.includes(to.name)) return { ...rest, sql: castSql(sql, to), type: to }
  if (!written) return undefined
  const takesText = from.name === 'STRING' && (to.name === 'DATE' || to.name === 'TIMESTAMP')
  const takesNumber = from.name === 'FLOAT64' && to.name === 'NUMERIC' && written.literal !== null
  if (!takesText && !takesNumber) return undefined
  if (written.literal !== null) return literal(to.name, written.literal)
  return { ...rest, sql: castSql(sql, to), type: to }
}

/** All as one type; undefined when there is none that all of them take. */
export function unify(all: readonly Typed[]): Typed[] | undefined {
  const types = all.map(({ type }) => type).filter((type) => type !== null)
  for (const type of types.length > 0 ? types : [scalar('INT64')]) {
    const same = all.map((typed) => coerce(typed, type))
    if (same.every((typed) => typed !== undefined)) return same
  }
  return undefined
}

function typeNames(all: readonly Typed[]): string {
  return all.map(({ type }) => (type ? describeType(type) : 'NULL')).join(', ')
}

export function noSignature(what: string, all: readonly Typed[]): Error {
  return invalidQuery(`No matching signature for ${what} for argument types: ${typeNames(all)}.`)
}
