import { invalidQuery, unsupported } from '../replies.ts'
import type { CallFacts, Rule } from './rules.ts'
import { noSignature, scalar, sqlString } from './typed.ts'

/** JSON's functions take a text with JSON as well. */
function jsonArgument(facts: CallFacts): { json: string; path: string } {
  const [value, path = null, ...rest] = facts.args()
  const isJson = value?.type && ['JSON', 'STRING'].includes(value.type.name) && !value.type.array
  if (!isJson || rest.length > 0) throw noSignature(`function ${facts.call.name}`, facts.args())
  const text = path === null ? '$' : path.written?.literal
  if (typeof text !== 'string') {
    throw invalidQuery('JSONPath must be a string literal or query parameter')
  }
  if (!/^\$(?:\.\w+|\."[^"]+"|\[\d+\])*$/.test(text)) throw unsupported(`the JSONPath ${text}`)
  return { json: `CAST(${value.sql} AS JSON)`, path: sqlString(text) }
}

export const jsonValue: Rule = (facts) => {
  const { json, path } = jsonArgument(facts)
  const isScalar = `json_type(${json}, ${path}) NOT IN ('OBJECT', 'ARRAY', 'NULL')`
  const sql = `CASE WHEN ${isScalar} THEN json_extract_string(${json}, ${path}) END`
  return { sql, type: scalar('STRING') }
}

export const jsonQuery: Rule = (facts) => {
  const { json, path } = jsonArgument(facts)
  const type = facts.args()[0]?.type ?? null
  return { sql: `CAST(json_extract(${json}, ${path}) AS VARCHAR)`, type }
}

/** SQL's NULL becomes JSON's, as text. */
export const toJsonString: Rule = (facts) => {
  const [value, ...rest] = facts.args()
  const { name } = value?.type ?? { name: null }
  if (!value || rest.length > 0) throw noSignature('function TO_JSON_STRING', facts.args())
  if (name === 'JSON' && !value.type?.array) {
    return { sql: `coalesce(${value.sql}, 'null')`, type: scalar('STRING') }
  }
  if (name !== 'STRING' && name !== 'BOOL') throw unsupported(`TO_JSON_STRING of ${name ?? 'NULL'}`)
  const sql = `coalesce(CAST(to_json(${value.sql}) AS VARCHAR), 'null')`
  return { sql, type: scalar('STRING') }
}
