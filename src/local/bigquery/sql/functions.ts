import type { ValueType } from '../types.ts'
import { difference, extract, shift, toDate, toTimestamp, truncate } from './date-functions.ts'
import { jsonQuery, jsonValue, toJsonString } from './json-functions.ts'
import { alike, divide } from './operators.ts'
import { plain, sqlOf, want, type Rule } from './rules.ts'
import { castSql, coerce, noSignature, scalar, unify } from './typed.ts'

/** All arguments of one type, which is the result's as well. */
const same =
  (emit: (all: readonly string[]) => string): Rule =>
  (facts) => {
    const all = unify(facts.args())
    if (!all?.[0]) throw noSignature(`function ${facts.call.name}`, facts.args())
    return { sql: emit(all.map(({ sql }) => sql)), type: all[0].type }
  }

/** GREATEST and LEAST are NULL when any argument is; DuckDB's are not. */
const extreme =
  (name: string): Rule =>
  (facts) => {
    const all = alike(`function ${facts.call.name}`, facts.args())
    const anyNull = all.map(({ sql }) => `${sql} IS NULL`).join(' OR ')
    const sql = `CASE WHEN ${anyNull} THEN NULL ELSE ${name}(${sqlOf(all)}) END`
    return { sql, type: all[0]?.type ?? null }
  }

/** A number, of which the result has the type; NUMERIC only if told so. */
const numeric =
  (emit: (sql: string) => string): Rule =>
  (facts) => {
    const [value, ...rest] = facts.args()
    const isNumber = value?.type && ['INT64', 'FLOAT64', 'NUMERIC'].includes(value.type.name)
    if (!isNumber || rest.length > 0) throw noSignature(`function ${facts.call.name}`, facts.args())
    return { sql: castSql(emit(value.sql), value.type as ValueType), type: value.type }
  }

const conditional: Rule = (facts) => {
  const [condition, ...branches] = facts.args()
  const all = branches.length === 2 ? unify(branches) : undefined
  const [yes, no] = all ?? []
  if (condition?.type?.name !== 'BOOL' || !yes || !no) {
    throw noSignature('function IF', facts.args())
  }
  return { sql: `CASE WHEN ${condition.sql} THEN ${yes.sql} ELSE ${no.sql} END`, type: yes.type }
}

const safeDivide: Rule = (facts) => {
  const [left, right, ...rest] = facts.args()
  if (!left || !right || rest.length > 0) throw noSignature('function SAFE_DIVIDE', facts.args())
  return { sql: divide(left, right, 'NULL'), type: scalar('FLOAT64') }
}

const round: Rule = (facts) => {
  const [value, digits, ...rest] = facts.args()
  const name = value?.type?.name
  if (!value || rest.length > 0 || !name || !['FLOAT64', 'NUMERIC', 'INT64'].includes(name)) {
    throw noSignature('function ROUND', facts.args())
  }
  const type = scalar(name === 'INT64' ? 'FLOAT64' : name)
  const places = digits ? `CAST(${digits.sql} AS INTEGER)` : '0'
  return { sql: castSql(`round(${castSql(value.sql, type)}, ${places})`, type), type }
}

const concat: Rule = (facts) => {
  const all = facts.args().map((one) => coerce(one, scalar('STRING')))
  if (all.length === 0 || all.includes(undefined))
    throw noSignature('function CONCAT', facts.args())
  return { sql: `(${all.map((one) => one?.sql).join(' || ')})`, type: scalar('STRING') }
}

const arrayLength: Rule = (facts) => {
  const [value, ...rest] = facts.args()
  if (!value?.type?.array || rest.length > 0)
    throw noSignature('function ARRAY_LENGTH', facts.args())
  return { sql: `len(${value.sql})`, type: scalar('INT64') }
}

/** Functions of a row. */
export const rowFunctions: Readonly<Record<string, Rule>> = {
  ABS: numeric((sql) => `abs(${sql})`),
  ARRAY_LENGTH: arrayLength,
  BYTE_LENGTH: plain('strlen', 'INT64', 'STRING'),
  CEIL: plain('ceil', 'FLOAT64', 'FLOAT64'),
  CHAR_LENGTH: plain('length', 'INT64', 'STRING'),
  COALESCE: same((all) => `coalesce(${all.join(', ')})`),
  CONCAT: concat,
  CURRENT_DATE: (facts) => ({
    sql: `CAST(now() AT TIME ZONE 'UTC' AS DATE${sqlOf(want(facts))})`,
    type: scalar('DATE'),
  }),
  CURRENT_TIMESTAMP: (facts) => ({
    sql: `(now() AT TIME ZONE 'UTC'${sqlOf(want(facts))})`,
    type: scalar('TIMESTAMP'),
  }),
  DATE: toDate,
  DATE_ADD: shift('DATE', '+'),
  DATE_DIFF: difference('DATE', 'date_diff'),
  DATE_SUB: shift('DATE', '-'),
  DATE_TRUNC: truncate('DATE'),
  ENDS_WITH: plain('suffix', 'BOOL', 'STRING', 'STRING'),
  EXTRACT: extract,
  FLOOR: plain('floor', 'FLOAT64', 'FLOAT64'),
  GENERATE_UUID: (facts) => ({
    sql: `CAST(uuid(${sqlOf(want(facts))}) AS VARCHAR)`,
    type: scalar('STRING'),
    volatile: true,
  }),
  GREATEST: extreme('greatest'),
  IF: conditional,
  IFNULL: same((all) => `coalesce(${all.join(', ')})`),
  JSON_QUERY: jsonQuery,
  JSON_VALUE: jsonValue,
  LEAST: extreme('least'),
  LENGTH: plain('length', 'INT64', 'STRING'),
  LOWER: plain('lower', 'STRING', 'STRING'),
  MOD: plain('mod', 'INT64', 'INT64', 'INT64'),
  NULLIF: same((all) => `nullif(${all.join(', ')})`),
  REPLACE: plain('replace', 'STRING', 'STRING', 'STRING', 'STRING'),
  ROUND: round,
  SAFE_DIVIDE: safeDivide,
  STARTS_WITH: plain('prefix', 'BOOL', 'STRING', 'STRING'),
  TIMESTAMP: toTimestamp,
  TIMESTAMP_ADD: shift('TIMESTAMP', '+'),
  TIMESTAMP_DIFF: difference('TIMESTAMP', 'date_sub'),
  TIMESTAMP_MICROS: plain('make_timestamp', 'TIMESTAMP', 'INT64'),
  TIMESTAMP_MILLIS: plain('epoch_ms', 'TIMESTAMP', 'INT64'),
  TIMESTAMP_SUB: shift('TIMESTAMP', '-'),
  TIMESTAMP_TRUNC: truncate('TIMESTAMP'),
  TO_JSON_STRING: toJsonString,
  TRIM: plain('trim', 'STRING', 'STRING'),
  UNIX_MICROS: plain('epoch_us', 'INT64', 'TIMESTAMP'),
  UNIX_MILLIS: plain('epoch_ms', 'INT64', 'TIMESTAMP'),
  UPPER: plain('upper', 'STRING', 'STRING'),
}
