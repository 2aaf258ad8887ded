import { unsupported } from '../replies.ts'
import { parseExpression } from './parse-expression.ts'
import { parseQuery, parseTablePath } from './parse-query.ts'
import { createReader, type Parser } from './reader.ts'
import type { Statement } from './tree.ts'

/**
 * Reads a statement of the part of GoogleSQL that the stand-in speaks, and refuses every other:
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax
 */
export function parseStatement(sql: string): Statement {
  const parser: Parser = {
    ...createReader(sql.trim().replace(/;$/, '')),
    expression: () => parseExpression(parser),
    query: () => parseQuery(parser),
  }
  const statement = parseOne(parser)
  if (!parser.isEnd()) throw parser.unexpected('end of input')
  return statement
}

function parseOne(reader: Parser): Statement {
  if (reader.isWord('SELECT') || reader.isWord('WITH') || reader.isWord('(')) {
    return { kind: 'query', query: reader.query() }
  }
  if (!reader.accept('DELETE')) {
    if (reader.peek().kind !== 'name') throw reader.unexpected()
    throw unsupported(`statements that begin with ${reader.peek().word}`)
  }
  reader.accept('FROM')
  const table = parseTablePath(reader)
  const named = !reader.isWord('WHERE') && !reader.isEnd()
  if (named) reader.accept('AS')
  const alias = named ? reader.identifier() : null
  reader.expect('WHERE')
  return { kind: 'delete', delete: { table, alias, where: reader.expression() } }
}
