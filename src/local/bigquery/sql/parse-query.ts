import { unsupported } from '../replies.ts'
import { parseOrderBy } from './parse-call.ts'
import type { Parser } from './reader.ts'
import type { Expression, Join, Query, Select, SelectItem, Source } from './tree.ts'

export function parseQuery(reader: Parser): Query {
  const ctes = reader.accept('WITH') ? reader.list(() => parseCte(reader)) : []
  const body = [parseBody(reader)]
  const union: Query['union'] = []
  for (const word of ['INTERSECT', 'EXCEPT']) {
    if (reader.isWord(word)) throw unsupported(word)
  }
  while (reader.accept('UNION')) {
    if (reader.accept('DISTINCT')) union.push('DISTINCT')
    else if (reader.accept('ALL')) union.push('ALL')
    else throw reader.unexpected('keyword ALL or keyword DISTINCT')
    body.push(parseBody(reader))
  }
  const orderBy = parseOrderBy(reader)
  const limit = reader.accept('LIMIT') ? reader.expression() : null
  const offset = limit && reader.accept('OFFSET') ? reader.expression() : null
  return { with: ctes, body, union, orderBy, limit, offset }
}

function parseCte(reader: Parser) {
  if (reader.isWord('RECURSIVE')) throw unsupported('WITH RECURSIVE')
  const name = reader.identifier()
  reader.expect('AS', '(')
  const query = reader.query()
  reader.expect(')')
  return { name, query }
}

function parseBody(reader: Parser): Query['body'][number] {
  if (!reader.accept('(')) return parseSelect(reader)
  const query = reader.query()
  reader.expect(')')
  return { kind: 'nested', query }
}

function parseSelect(reader: Parser): Select {
  reader.expect('SELECT')
  const distinct = reader.accept('DISTINCT')
  if (!distinct) reader.accept('ALL')
  if (reader.accept('AS')) throw unsupported('SELECT AS')
  const items = parseItems(reader)
  const from = reader.accept('FROM') ? parseFrom(reader) : null
  const optional = (word: string) => (reader.accept(word) ? reader.expression() : null)
  const where = optional('WHERE')
  const groupBy = reader.accept('GROUP', 'BY') ? reader.list(() => parseGrouping(reader)) : []
  const having = optional('HAVING')
  const qualify = optional('QUALIFY')
  if (reader.isWord('WINDOW')) throw unsupported('WINDOW')
  return { kind: 'select', distinct, items, from, where, groupBy, having, qualify }
}

function parseItems(reader: Parser): SelectItem[] {
  const items = [parseItem(reader)]
  // A comma may follow the last item.
  while (reader.accept(',') && !reader.isWord('FROM')) items.push(parseItem(reader))
  return items
}

function parseItem(reader: Parser): SelectItem {
  if (reader.accept('*')) return { kind: 'star', of: null, except: parseExcept(reader) }
  const isQualified = reader.peek(1).word === '.' && reader.peek(2).word === '*'
  if (isQualified) {
    const of = reader.identifier()
    reader.expect('.', '*')
    return { kind: 'star', of, except: parseExcept(reader) }
  }
  const value = reader.expression()
  return { kind: 'value', value, alias: parseAlias(reader) }
}

function parseExcept(reader: Parser): string[] {
  if (reader.isWord('REPLACE')) throw unsupported('SELECT * REPLACE')
  if (!reader.accept('EXCEPT', '(')) return []
  const names = reader.list(() => reader.identifier())
  reader.expect(')')
  return names
}

function parseAlias(reader: Parser): string | null {
  if (reader.accept('AS')) return reader.identifier()
  const { kind, word } = reader.peek()
  const ends = ['WINDOW', 'UNION', 'LIMIT', 'OFFSET', 'ON', 'USING', 'TABLESAMPLE', 'FOR']
  const isAlias =
    kind === 'quoted' || (kind === 'name' && !aliasStops.has(word) && !ends.includes(word))
  return isAlias ? reader.identifier() : null
}

const aliasStops: ReadonlySet<string> = new Set(
  `FROM WHERE GROUP HAVING QUALIFY ORDER JOIN INNER LEFT RIGHT FULL CROSS AND OR NOT IN IS BETWEEN LIKE
  INTERSECT EXCEPT ASC DESC NULLS IGNORE RESPECT THEN WHEN ELSE END AS`.split(/\s+/),
)

function parseGrouping(reader: Parser): Expression {
  for (const word of ['ROLLUP', 'CUBE', 'GROUPING', 'ALL']) {
    if (reader.isWord(word)) throw unsupported(`GROUP BY ${word}`)
  }
  return reader.expression()
}

function parseFrom(reader: Parser): Select['from'] {
  const source = parseSource(reader)
  const joins: Join[] = []
  for (;;) {
    const type = parseJoinType(reader)
    if (!type) return { source, joins }
    const joined = parseSource(reader)
    if (reader.isWord('USING')) throw unsupported('JOIN … USING; say ON')
    const on = type !== 'CROSS' && (reader.expect('ON'), reader.expression())
    joins.push({ type, source: joined, on: on || null })
  }
}

function parseJoinType(reader: Parser): Join['type'] | undefined {
  if (reader.accept(',') || reader.accept('CROSS', 'JOIN')) return 'CROSS'
  if (reader.accept('JOIN') || reader.accept('INNER', 'JOIN')) return 'INNER'
  if (reader.accept('LEFT', 'JOIN') || reader.accept('LEFT', 'OUTER', 'JOIN')) return 'LEFT'
  for (const word of ['RIGHT', 'FULL']) if (reader.isWord(word)) throw unsupported(`${word} JOIN`)
  return undefined
}

function parseSource(reader: Parser): Source {
  if (reader.accept('(')) {
    const query = reader.query()
    reader.expect(')')
    return { kind: 'query', query, alias: parseAlias(reader) }
  }
  if (reader.accept('UNNEST', '(')) {
    const array = reader.expression()
    reader.expect(')')
    return { kind: 'unnest', array, alias: parseAlias(reader) }
  }
  const path = parseTablePath(reader)
  const alias = parseAlias(reader)
  for (const word of ['FOR', 'TABLESAMPLE', 'PIVOT', 'UNPIVOT']) {
    if (reader.isWord(word)) throw unsupported(`${word} after a table`)
  }
  return { kind: 'table', path, alias }
}

/** `project.dataset.table`, of which each part or all together may be in backticks. */
export function parseTablePath(reader: Parser): string {
  const parts = [reader.identifier()]
  for (;;) {
    // A project may have dashes without backticks.
    if (parts.length === 1 && reader.accept('-')) parts[0] += `-${reader.next().text}`
    else if (reader.accept('.')) parts.push(reader.identifier())
    else return parts.join('.')
  }
}
