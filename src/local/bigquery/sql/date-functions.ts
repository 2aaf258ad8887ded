import { invalidQuery, unsupported } from '../replies.ts'
import { plain, type CallFacts, type Rule } from './rules.ts'
import type { Expression } from './tree.ts'
import { castSql, coerce, noSignature, scalar } from './typed.ts'

const parts: Readonly<Record<string, string>> = {
  MICROSECOND: 'microsecond',
  MILLISECOND: 'millisecond',
  SECOND: 'second',
  MINUTE: 'minute',
  HOUR: 'hour',
  DAY: 'day',
  ISOWEEK: 'week',
  'WEEK(MONDAY)': 'week',
  MONTH: 'month',
  QUARTER: 'quarter',
  YEAR: 'year',
}

/** A date part, as it stands among the arguments. */
function partOf({ call }: CallFacts, argument: Expression | undefined): string {
  if (argument?.kind === 'name') return argument.path.join('.').toUpperCase()
  if (argument?.kind === 'literal') return argument.text
  if (argument?.kind === 'call' && argument.call.name === 'WEEK') {
    const [day] = argument.call.args
    if (day?.kind === 'name') return `WEEK(${day.path.join('.').toUpperCase()})`
  }
  throw invalidQuery(`A valid date part name is required for ${call.name}`)
}

/** GoogleSQL's weeks begin on Sundays, DuckDB's on Mondays. */
export const truncate =
  (type: 'DATE' | 'TIMESTAMP'): Rule =>
  (facts) => {
    const [first, second, ...rest] = facts.call.args
    const value = first && coerce(facts.typed(first), scalar(type))
    if (!value || rest.length > 0) throw noSignature(`function ${facts.call.name}`, facts.args())
    const part = partOf(facts, second)
    const sunday = part === 'WEEK' || part === 'WEEK(SUNDAY)'
    const sqlPart = sunday ? 'week' : parts[part]
    if (!sqlPart) throw unsupported(`the date part ${part} in ${facts.call.name}`)
    const sql = sunday
      ? `date_trunc('week', ${value.sql} + INTERVAL 1 DAY) - INTERVAL 1 DAY`
      : `date_trunc('${sqlPart}', ${value.sql})`
    return { sql: castSql(sql, scalar(type)), type: scalar(type) }
  }

export const shift =
  (type: 'DATE' | 'TIMESTAMP', sign: '+' | '-'): Rule =>
  (facts) => {
    const [first, interval, ...rest] = facts.call.args
    const value = first && coerce(facts.typed(first), scalar(type))
    const isShift = value && interval?.kind === 'interval' && rest.length === 0
    if (!isShift) throw noSignature(`function ${facts.call.name}`, value ? [value] : [])
    const part = parts[interval.part === 'WEEK' ? 'ISOWEEK' : interval.part]
    // Months differ in how their ends are met; a timestamp has none in GoogleSQL.
    const isLong = ['month', 'quarter', 'year'].includes(part ?? '')
    if (!part || (type === 'TIMESTAMP' && (isLong || part === 'week'))) {
      throw invalidQuery(`${facts.call.name} does not support the ${interval.part} date part`)
    }
    const amount = coerce(facts.typed(interval.amount), scalar('INT64'))
    if (!amount) throw noSignature(`function ${facts.call.name}`, [facts.typed(interval.amount)])
    const sql = `${value.sql} ${sign} to_${part}s(CAST(${amount.sql} AS INTEGER))`
    return { sql: castSql(sql, scalar(type)), type: scalar(type) }
  }

/** Full parts between two timestamps, boundaries between two dates, as GoogleSQL counts them. */
export const difference =
  (type: 'DATE' | 'TIMESTAMP', sqlName: 'date_sub' | 'date_diff'): Rule =>
  (facts) => {
    const [end, start, last, ...rest] = facts.call.args
    const pair = [end, start].map((one) => one && coerce(facts.typed(one), scalar(type)))
    const [after, before] = pair
    if (!after || !before || rest.length > 0) throw noSignature(`function ${facts.call.name}`, [])
    const part = parts[partOf(facts, last)]
    if (!part) throw unsupported(`the date part ${partOf(facts, last)} in ${facts.call.name}`)
    const sql = `${sqlName}('${part}', ${before.sql}, ${after.sql})`
    return { sql, type: scalar('INT64') }
  }

const extractable = ['YEAR', 'QUARTER', 'MONTH', 'DAY', 'HOUR', 'MINUTE', 'ISOWEEK', 'ISOYEAR']

export const extract: Rule = (facts) => {
  const [part, value] = facts.call.args
  const typed = value && facts.typed(value)
  const name = partOf(facts, part)
  const isTime = typed?.type && ['DATE', 'TIMESTAMP'].includes(typed.type.name)
  if (!isTime) throw noSignature('function EXTRACT', typed ? [typed] : [])
  if (name === 'DATE') return { sql: castSql(typed.sql, scalar('DATE')), type: scalar('DATE') }
  if (!extractable.includes(name)) throw unsupported(`EXTRACT(${name} FROM …)`)
  const sqlPart = name === 'ISOWEEK' ? 'week' : name.toLowerCase()
  return { sql: `extract(${sqlPart} FROM ${typed.sql})`, type: scalar('INT64') }
}

export const toTimestamp: Rule = (facts) => {
  const [value, ...rest] = facts.args()
  const takes = value?.type && ['STRING', 'DATE', 'TIMESTAMP'].includes(value.type.name)
  if (!takes || rest.length > 0) throw noSignature('function TIMESTAMP', facts.args())
  const literalText = value.type?.name === 'STRING' ? coerce(value, scalar('TIMESTAMP')) : undefined
  const sql = literalText?.sql ?? castSql(value.sql, scalar('TIMESTAMP'))
  return { sql, type: scalar('TIMESTAMP') }
}

export const toDate: Rule = (facts) => {
  const given = facts.args()
  const [value] = given
  if (given.length === 3) return plain('make_date', 'DATE', 'INT64', 'INT64', 'INT64')(facts)
  const isUtc = given.length === 1 || given[1]?.written?.literal?.toUpperCase() === 'UTC'
  if (!value || value.type?.name !== 'TIMESTAMP') throw noSignature('function DATE', given)
  if (!isUtc) throw unsupported('other time zones than UTC')
  return { sql: castSql(value.sql, scalar('DATE')), type: scalar('DATE') }
}
