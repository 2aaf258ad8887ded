import { badRequest, isObject, type Json, type JsonObject } from './replies.ts'

export type SqlValue = string | number | null

/** A boolean SQL expression over one row of a rows table. */
export interface Condition {
  sql: string
  params: SqlValue[]
}

/** Fields of `row_data` that are columns of their own, so that filters on them need not parse JSON. */
export const columnFields: ReadonlySet<string> = new Set([
  'id',
  'tenant_id',
  'content_id',
  'version_of',
])

const comparisons = ['$eq', '$ne', '$gt', '$gte', '$lt', '$lte', '$in', '$nin'] as const
const texts = ['$contains', '$regex'] as const
type Operator = (typeof comparisons)[number] | (typeof texts)[number]

const queryOperators: ReadonlySet<string> = new Set<Operator>([...comparisons, ...texts])
/** The bulk endpoints know the eight comparisons only. */
export const bulkOperators: ReadonlySet<string> = new Set<Operator>(comparisons)

/** Turns a filter into SQL; refuses with 400 what the dialect does not know. */
export function compileFilter(filter: JsonObject, known = queryOperators): Condition {
  const conditions = Object.entries(filter).flatMap(([field, wanted]) =>
    isObject(wanted)
      ? Object.entries(wanted).map(([name, operand]) => compile(field, name, operand, known))
      : [compile(field, '$eq', wanted, known)],
  )
  return {
    sql: conditions.map(({ sql }) => sql).join(' and ') || 'true',
    params: conditions.flatMap(({ params }) => params),
  }
}

function compile(field: string, name: string, operand: Json, known: ReadonlySet<string>) {
  if (!known.has(name)) throw badRequest(`Unsupported operator '${name}' on field '${field}'`)
  return compilers[name as Operator](fieldOf(field), operand)
}

/** How SQL reads one field: its value (booleans are 0 and 1) and its JSON type. */
interface Field {
  name: string
  value: string
  type: string
  elements: string
}

const fieldName = /^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$/

/** The value of a field as an SQL expression. Names are letters, digits, `_` and `.` only. */
export function valueOf(name: string): string {
  return fieldOf(name).value
}

function fieldOf(name: string): Field {
  if (!fieldName.test(name)) throw badRequest(`Invalid field name '${name}'`)
  const path = `row_data, '$."${name.replaceAll('.', '"."')}"'`
  return {
    name,
    value: columnFields.has(name) ? `"${name}"` : `json_extract(${path})`,
    type: `json_type(${path})`,
    elements: `json_each(${path})`,
  }
}

const compilers: Record<Operator, (field: Field, operand: Json) => Condition> = {
  $eq: equals,
  $ne: (field, operand) => negate(equals(field, operand)),
  $gt: (field, operand) => compare(field, '>', operand),
  $gte: (field, operand) => compare(field, '>=', operand),
  $lt: (field, operand) => compare(field, '<', operand),
  $lte: (field, operand) => compare(field, '<=', operand),
  $in: oneOf,
  $nin: (field, operand) => negate(oneOf(field, operand)),
  $contains: contains,
  $regex: matches,
}

/** Null equals a missing field too. */
function equals(field: Field, operand: Json): Condition {
  const { name, value, type } = field
  if (operand === null) return { sql: `${value} is null`, params: [] }
  if (typeof operand === 'number') return compare(field, '=', operand)
  if (typeof operand === 'boolean') return { sql: `${type} = ?`, params: [String(operand)] }
  if (typeof operand === 'object') throw badRequest(`'${name}' can only equal a plain value`)
  return { sql: `${value} = ?`, params: [operand] }
}

function negate({ sql, params }: Condition): Condition {
  return { sql: `(${sql}) is not true`, params }
}

/** Text with text, number with number; SQLite alone would call every text greater than any number. */
function compare({ name, value, type }: Field, operator: string, operand: Json): Condition {
  if (typeof operand === 'string') {
    return { sql: `(${type} = 'text' and ${value} ${operator} ?)`, params: [operand] }
  }
  if (typeof operand !== 'number') throw badRequest(`'${name}' compares with text or number`)
  return { sql: `(${type} in ('integer', 'real') and ${value} ${operator} ?)`, params: [operand] }
}

/** The list travels as one JSON parameter: a single prepared statement serves lists of any length. */
function oneOf(field: Field, operand: Json): Condition {
  if (!Array.isArray(operand)) throw badRequest(`'${field.name}' needs a list for $in and $nin`)
  if (operand.every((item) => typeof item === 'string' || typeof item === 'number')) {
    return {
      sql: `${field.value} in (select value from json_each(?))`,
      params: [JSON.stringify(operand)],
    }
  }
  const conditions = operand.map((item) => equals(field, item))
  return {
    sql: `(${conditions.map(({ sql }) => sql).join(' or ')})`,
    params: conditions.flatMap(({ params }) => params),
  }
}

/** Part of a text, or an element of a list. */
function contains({ name, value, type, elements }: Field, operand: Json): Condition {
  if (typeof operand === 'number') {
    const sql = `(${type} = 'array' and ? in (select value from ${elements}))`
    return { sql, params: [operand] }
  }
  if (typeof operand !== 'string') throw badRequest(`'${name}' contains text or number`)
  const sql = `case ${type} when 'text' then instr(${value}, ?) > 0
    when 'array' then ? in (select value from ${elements}) else false end`
  return { sql, params: [operand, operand] }
}

/** A repeated group that itself repeats: the shape that takes exponential time. */
const dangerousPattern = /[+*}]\)[+*{]/

function matches({ name, value, type }: Field, operand: Json): Condition {
  if (typeof operand !== 'string') throw badRequest(`'${name}' needs a text for $regex`)
  if (operand.length > 200 || dangerousPattern.test(operand)) {
    throw badRequest(`Dangerous pattern in $regex on '${name}'`)
  }
  try {
    new RegExp(operand, 'u')
  } catch {
    throw badRequest(`Invalid pattern in $regex on '${name}'`)
  }
  return { sql: `(${type} = 'text' and ${value} regexp ?)`, params: [operand] }
}
