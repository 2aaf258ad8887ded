import { invalidQuery, unsupported } from '../replies.ts'
import { storedTypeSql, type TypeName, type ValueType } from '../types.ts'
import { castSql, coerce, isType, noSignature, scalar, unify, type Typed } from './typed.ts'

const bool = scalar('BOOL')
const string = scalar('STRING')

/** `left operator right`, checked against GoogleSQL's signatures. */
export function binary(operator: string, left: Typed, right: Typed): Typed {
  switch (operator) {
    case 'AND':
    case 'OR':
      return {
        ...both(left, right),
        sql: join(asBool(operator, left), operator, asBool(operator, right)),
      }
    case 'LIKE':
      return {
        ...textPair(operator, left, right),
        sql: `(${left.sql} LIKE ${right.sql} ESCAPE '\\')`,
      }
    case '||':
      return { ...textPair(operator, left, right), sql: join(left, '||', right), type: string }
    case '+':
    case '-':
    case '*':
    case '/':
      return arithmetic(operator, left, right)
    default:
      return compare(operator, left, right)
  }
}

function both(...all: readonly Typed[]) {
  return { type: bool as ValueType, constant: all.every(({ constant }) => constant) }
}

function join(left: Typed, operator: string, right: Typed): string {
  return `(${left.sql} ${operator} ${right.sql})`
}

function asBool(operator: string, typed: Typed): Typed {
  if (!isType(typed, 'BOOL')) throw noSignature(`operator ${operator}`, [typed])
  return typed
}

function textPair(operator: string, left: Typed, right: Typed) {
  if (!isType(left, 'STRING') || !isType(right, 'STRING')) {
    throw noSignature(`operator ${operator}`, [left, right])
  }
  return both(left, right)
}

/** Types with neither equality nor an order. */
export function checkComparable(what: string, typed: Typed): void {
  if (typed.type?.array || typed.type?.name === 'JSON') throw noSignature(what, [typed])
}

export function compare(operator: string, left: Typed, right: Typed): Typed {
  const [a, b] = alike(`operator ${operator}`, [left, right])
  return { ...both(left, right), sql: join(a as Typed, operator, b as Typed) }
}

/** All as one type that can be compared. */
export function alike(what: string, all: readonly Typed[]): Typed[] {
  const same = unify(all)
  if (!same) throw noSignature(what, all)
  for (const typed of same) checkComparable(what, typed)
  return same
}

function arithmetic(operator: '+' | '-' | '*' | '/', left: Typed, right: Typed): Typed {
  const numbers: TypeName[] = ['INT64', 'NUMERIC', 'FLOAT64']
  const same = unify([left, right])
  const [a, b] = same ?? []
  if (!a || !b || !isType(a, ...numbers)) throw noSignature(`operator ${operator}`, [left, right])
  const { constant } = both(left, right)
  if (operator === '/')
    return { sql: divide(a, b, divisionByZero), type: scalar('FLOAT64'), constant }
  const sql = join(a, operator, b)
  // DuckDB's products have the scales of both factors.
  return { sql: a.type ? castSql(sql, a.type) : sql, type: a.type, constant }
}

const divisionByZero = `error('division by zero')`

/** In floating point; `onZero` is what stands for a division by zero. */
export function divide(left: Typed, right: Typed, onZero: string): string {
  const [a, b] = [left, right].map((typed) => {
    if (typed.type?.name === 'NUMERIC') {
      throw unsupported('the division of NUMERIC values; cast them to FLOAT64')
    }
    const double = coerce(typed, scalar('FLOAT64'))
    if (!double) throw noSignature('operator /', [left, right])
    return double.sql
  })
  return `CASE WHEN ${b} = 0 THEN ${onZero} ELSE ${a} / ${b} END`
}

/** GoogleSQL's explicit conversions, as far as both sides write a value alike. */
export function cast(value: Typed, to: TypeName, safe: boolean): Typed {
  const { type, constant } = value
  const target = scalar(to)
  if (type === null || (type.name === to && !type.array)) {
    return { sql: castSql(value.sql, target), type: target, constant }
  }
  const convert = type.array ? undefined : conversions[`${type.name} ${to}`]
  if (!convert) throw invalidQuery(`Invalid cast from ${type.array ? 'ARRAY' : type.name} to ${to}`)
  return { sql: convert(value.sql, safe ? 'TRY_CAST' : 'CAST'), type: target, constant }
}

type Convert = (sql: string, word: 'CAST' | 'TRY_CAST') => string

const to =
  (type: TypeName): Convert =>
  (sql, word) =>
    `${word}(${sql} AS ${storedTypeSql(scalar(type))})`

const rounded =
  (type: TypeName): Convert =>
  (sql, word) =>
    to(type)(`round(${sql}, 0)`, word)

/** DuckDB takes more texts for numbers than GoogleSQL does. */
const fromText =
  (type: TypeName, pattern: string): Convert =>
  (sql, word) => {
    const otherwise = word === 'TRY_CAST' ? 'NULL' : `error('Bad ${type} value: ' || ${sql})`
    const matches = `regexp_full_match(trim(${sql}), '${pattern}')`
    return `CASE WHEN ${matches} THEN ${to(type)(sql, word)} WHEN ${sql} IS NOT NULL THEN ${otherwise} END`
  }

const timestampText: Convert = (sql) => `CASE
  WHEN epoch_us(${sql}) % 1000 <> 0 THEN strftime(${sql}, '%Y-%m-%d %H:%M:%S.%f+00')
  WHEN epoch_us(${sql}) % 1000000 <> 0 THEN strftime(${sql}, '%Y-%m-%d %H:%M:%S.%g+00')
  ELSE strftime(${sql}, '%Y-%m-%d %H:%M:%S+00') END`

const conversions: Readonly<Record<string, Convert>> = {
  'INT64 STRING': to('STRING'),
  'FLOAT64 STRING': (sql, word) => `regexp_replace(${to('STRING')(sql, word)}, '\\.0$', '')`,
  'NUMERIC STRING': (sql, word) => `rtrim(rtrim(${to('STRING')(sql, word)}, '0'), '.')`,
  'BOOL STRING': to('STRING'),
  'DATE STRING': to('STRING'),
  'TIMESTAMP STRING': timestampText,
  'STRING INT64': fromText('INT64', '[+-]?[0-9]+'),
  'FLOAT64 INT64': rounded('INT64'),
  'NUMERIC INT64': rounded('INT64'),
  'BOOL INT64': to('INT64'),
  'STRING FLOAT64': fromText('FLOAT64', '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?'),
  'INT64 FLOAT64': to('FLOAT64'),
  'NUMERIC FLOAT64': to('FLOAT64'),
  'STRING NUMERIC': fromText('NUMERIC', '[+-]?[0-9]+([.][0-9]+)?'),
  'INT64 NUMERIC': to('NUMERIC'),
  'FLOAT64 NUMERIC': to('NUMERIC'),
  'STRING BOOL': fromText('BOOL', '(?i)true|false'),
  'INT64 BOOL': to('BOOL'),
  'STRING DATE': fromText('DATE', '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}'),
  'TIMESTAMP DATE': to('DATE'),
  'STRING TIMESTAMP': to('TIMESTAMP'),
  'DATE TIMESTAMP': to('TIMESTAMP'),
}
