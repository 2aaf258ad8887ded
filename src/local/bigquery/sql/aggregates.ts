import { unsupported } from '../replies.ts'
import { passing, sqlOf, want, type CallFacts, type Rule } from './rules.ts'
import { checkComparable } from './operators.ts'
import { castSql, coerce, noSignature, scalar, type Typed } from './typed.ts'

function distinctWord({ call }: CallFacts): string {
  return call.distinct ? 'DISTINCT ' : ''
}

function only(facts: CallFacts): Typed {
  const [value, ...rest] = facts.args()
  if (!value || rest.length > 0)
    throw noSignature(`aggregate function ${facts.call.name}`, facts.args())
  return value
}

const count: Rule = (facts) => {
  if (facts.call.star) return { sql: 'count(*)', type: scalar('INT64') }
  const value = only(facts)
  if (facts.call.distinct) checkComparable('aggregate function COUNT', value)
  return { sql: `count(${distinctWord(facts)}${value.sql})`, type: scalar('INT64') }
}

const sum: Rule = (facts) => {
  const value = only(facts)
  const { name } = value.type ?? scalar('INT64')
  if (!['INT64', 'FLOAT64', 'NUMERIC'].includes(name)) {
    throw noSignature('aggregate function SUM', [value])
  }
  const type = scalar(name)
  const sql = `sum(${distinctWord(facts)}${value.sql})`
  return { sql, type, wrap: (inner) => castSql(inner, type) }
}

const average: Rule = (facts) => {
  const value = only(facts)
  if (value.type?.name === 'NUMERIC') throw unsupported('AVG of NUMERIC; cast it to FLOAT64')
  const double = coerce(value, scalar('FLOAT64'))
  if (!double) throw noSignature('aggregate function AVG', [value])
  return { sql: `avg(${distinctWord(facts)}${double.sql})`, type: scalar('FLOAT64') }
}

const extreme =
  (name: 'min' | 'max'): Rule =>
  (facts) => {
    const value = only(facts)
    checkComparable(`aggregate function ${facts.call.name}`, value)
    return { sql: `${name}(${value.sql})`, type: value.type }
  }

const logical =
  (name: string): Rule =>
  (facts) => ({ sql: `${name}(${sqlOf(want(facts, 'BOOL'))})`, type: scalar('BOOL') })

/** In GoogleSQL, an array in a result must have no NULL in it. */
const arrayAgg =
  (orderBy: (facts: CallFacts) => string): Rule =>
  (facts) => {
    const { call } = facts
    const value = only(facts)
    if (value.type === null || value.type.array) {
      throw noSignature('aggregate function ARRAY_AGG', [value])
    }
    if (!call.ignoreNulls) throw unsupported('ARRAY_AGG without IGNORE NULLS')
    const sql = `array_agg(${distinctWord(facts)}${value.sql}${orderBy(facts)}) FILTER (WHERE ${value.sql} IS NOT NULL)`
    const { limit } = call
    return {
      sql,
      type: { ...value.type, array: true },
      ...(limit !== null && { wrap: (inner: string) => `list_slice(${inner}, 1, ${limit})` }),
    }
  }

const stringAgg =
  (orderBy: (facts: CallFacts) => string): Rule =>
  (facts) => {
    if (facts.call.limit !== null) throw unsupported('STRING_AGG with LIMIT')
    const [value, delimiter] = want(facts, 'STRING', 'STRING?')
    const by = delimiter?.sql ?? `','`
    const sql = `string_agg(${distinctWord(facts)}${value?.sql}, ${by}${orderBy(facts)})`
    return { sql, type: scalar('STRING') }
  }

/** Functions of a group or a window; `orderBy` words what stands in the call. */
export function aggregates(orderBy: (facts: CallFacts) => string): Readonly<Record<string, Rule>> {
  return {
    ANY_VALUE: passing('any_value'),
    ARRAY_AGG: arrayAgg(orderBy),
    AVG: average,
    COUNT: count,
    COUNTIF: (facts) => ({
      sql: `count(CASE WHEN ${sqlOf(want(facts, 'BOOL'))} THEN 1 END)`,
      type: scalar('INT64'),
    }),
    LOGICAL_AND: logical('bool_and'),
    LOGICAL_OR: logical('bool_or'),
    MAX: extreme('max'),
    MIN: extreme('min'),
    STRING_AGG: stringAgg(orderBy),
    SUM: sum,
  }
}

const numbering =
  (name: string): Rule =>
  (facts) => ({ sql: `${name}(${sqlOf(want(facts))})`, type: scalar('INT64') })

/** Functions that need a window. */
export const windowFunctions: Readonly<Record<string, Rule>> = {
  DENSE_RANK: numbering('dense_rank'),
  FIRST_VALUE: passing('first_value'),
  LAG: passing('lag'),
  LAST_VALUE: passing('last_value'),
  LEAD: passing('lead'),
  RANK: numbering('rank'),
  ROW_NUMBER: numbering('row_number'),
}
