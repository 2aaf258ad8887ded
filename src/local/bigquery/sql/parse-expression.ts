import { unsupported } from '../replies.ts'
import { findTypeName } from '../types.ts'
import { parseArguments, parseWindow } from './parse-call.ts'
import { reservedWords, type Parser } from './reader.ts'
import type { Expression } from './tree.ts'

/** From the loosest binding to the tightest: OR, AND, NOT, comparison, sum, product, sign. */
export function parseExpression(reader: Parser): Expression {
  let left = parseAnd(reader)
  while (reader.accept('OR')) {
    left = { kind: 'binary', operator: 'OR', left, right: parseAnd(reader) }
  }
  return left
}

function parseAnd(reader: Parser): Expression {
  let left = parseNot(reader)
  while (reader.accept('AND')) {
    left = { kind: 'binary', operator: 'AND', left, right: parseNot(reader) }
  }
  return left
}

function parseNot(reader: Parser): Expression {
  if (reader.accept('NOT')) return { kind: 'not', value: parseNot(reader) }
  return parseComparison(reader)
}

const comparisons = ['=', '<>', '!=', '<=', '>=', '<', '>']

function parseComparison(reader: Parser): Expression {
  const left = parseSum(reader)
  for (const operator of comparisons) {
    if (!reader.accept(operator)) continue
    const right = parseSum(reader)
    return { kind: 'binary', operator: operator === '!=' ? '<>' : operator, left, right }
  }
  if (reader.accept('IS')) return parseIs(reader, left)
  if (reader.accept('NOT', 'BETWEEN')) return not(parseBetween(reader, left))
  if (reader.accept('BETWEEN')) return parseBetween(reader, left)
  if (reader.accept('NOT', 'IN')) return not(parseIn(reader, left))
  if (reader.accept('IN')) return parseIn(reader, left)
  if (reader.accept('NOT', 'LIKE')) return not(parseLike(reader, left))
  if (reader.accept('LIKE')) return parseLike(reader, left)
  return left
}

function not(value: Expression): Expression {
  return { kind: 'not', value }
}

function parseLike(reader: Parser, left: Expression): Expression {
  return { kind: 'binary', operator: 'LIKE', left, right: parseSum(reader) }
}

function parseIs(reader: Parser, value: Expression): Expression {
  const negated = reader.accept('NOT')
  for (const what of ['NULL', 'TRUE', 'FALSE'] as const) {
    if (!reader.accept(what)) continue
    const is: Expression = { kind: 'is', value, what }
    return negated ? not(is) : is
  }
  throw reader.unexpected('keyword NULL')
}

function parseBetween(reader: Parser, value: Expression): Expression {
  const low = parseSum(reader)
  reader.expect('AND')
  return { kind: 'between', value, low, high: parseSum(reader) }
}

function parseIn(reader: Parser, value: Expression): Expression {
  if (reader.accept('UNNEST')) {
    reader.expect('(')
    const array = parseExpression(reader)
    reader.expect(')')
    return { kind: 'inUnnest', value, array }
  }
  reader.expect('(')
  const isQuery = reader.isWord('SELECT') || reader.isWord('WITH')
  const result: Expression = isQuery
    ? { kind: 'inQuery', value, query: reader.query() }
    : { kind: 'in', value, list: reader.list(() => parseExpression(reader)) }
  reader.expect(')')
  return result
}

function parseSum(reader: Parser): Expression {
  return parseBinary(reader, ['+', '-', '||'], parseProduct)
}

function parseProduct(reader: Parser): Expression {
  return parseBinary(reader, ['*', '/'], parseSigned)
}

function parseBinary(
  reader: Parser,
  operators: readonly string[],
  operand: (reader: Parser) => Expression,
): Expression {
  let left = operand(reader)
  for (;;) {
    const operator = operators.find((sign) => reader.accept(sign))
    if (operator === undefined) return left
    left = { kind: 'binary', operator, left, right: operand(reader) }
  }
}

function parseSigned(reader: Parser): Expression {
  if (reader.accept('-')) return { kind: 'minus', value: parseSigned(reader) }
  if (reader.accept('+')) return parseSigned(reader)
  return parsePrimary(reader)
}

function parsePrimary(reader: Parser): Expression {
  const token = reader.peek()
  switch (token.kind) {
    case 'param':
      return { kind: 'param', name: reader.next().text }
    case 'string':
      return { kind: 'literal', type: 'STRING', text: reader.next().text }
    case 'number': {
      const { text } = reader.next()
      return { kind: 'literal', type: /^\d+$/.test(text) ? 'INT64' : 'FLOAT64', text }
    }
    case 'quoted':
      return parseName(reader)
    case 'name':
      return parseWord(reader)
    case 'symbol':
      return parseSymbol(reader)
    case 'end':
      throw reader.unexpected()
  }
}

function parseSymbol(reader: Parser): Expression {
  if (reader.accept('[')) {
    const items = reader.list(() => parseExpression(reader))
    reader.expect(']')
    return { kind: 'array', items }
  }
  reader.expect('(')
  const isQuery = reader.isWord('SELECT') || reader.isWord('WITH')
  const inner: Expression = isQuery
    ? { kind: 'scalarQuery', query: reader.query() }
    : parseExpression(reader)
  reader.expect(')')
  return inner
}

function parseWord(reader: Parser): Expression {
  const { word } = reader.peek()
  if (reader.accept('NULL')) return { kind: 'literal', type: 'NULL', text: 'NULL' }
  if (reader.accept('TRUE')) return { kind: 'literal', type: 'BOOL', text: 'true' }
  if (reader.accept('FALSE')) return { kind: 'literal', type: 'BOOL', text: 'false' }
  if (reader.accept('CASE')) return parseCase(reader)
  if (reader.accept('CAST', '(')) return parseCast(reader, false)
  if (reader.accept('SAFE_CAST', '(')) return parseCast(reader, true)
  if (reader.accept('EXISTS', '(')) {
    const query = reader.query()
    reader.expect(')')
    return { kind: 'exists', query }
  }
  if (reader.accept('INTERVAL')) {
    const amount = parsePrimary(reader)
    return { kind: 'interval', amount, part: reader.next().word }
  }
  if (reader.accept('EXTRACT', '(')) return parseExtract(reader)
  const typed = findTypeName(word)
  if (typed && reader.peek(1).kind === 'string') {
    reader.next()
    return { kind: 'literal', type: typed, text: reader.next().text }
  }
  if (reader.peek(1).word === '(') return parseCall(reader)
  return parseName(reader)
}

function parseExtract(reader: Parser): Expression {
  const part: Expression = { kind: 'literal', type: 'STRING', text: reader.next().word }
  reader.expect('FROM')
  const value = parseExpression(reader)
  reader.expect(')')
  const none = { star: false, distinct: false, ignoreNulls: false, limit: null, over: null }
  return { kind: 'call', call: { name: 'EXTRACT', args: [part, value], orderBy: [], ...none } }
}

const callableWords: ReadonlySet<string> = new Set(['IF', 'LEFT', 'RIGHT'])

function parseCall(reader: Parser): Expression {
  const { word } = reader.peek()
  if (reservedWords.has(word) && !callableWords.has(word)) throw reader.unexpected()
  reader.next()
  reader.expect('(')
  const call = { name: word, ...parseArguments(reader) }
  return {
    kind: 'call',
    call: { ...call, over: reader.accept('OVER') ? parseWindow(reader) : null },
  }
}

function parseName(reader: Parser): Expression {
  const path = [reader.identifier()]
  while (reader.accept('.')) path.push(reader.identifier())
  if (reader.isWord('(')) throw unsupported(`the function ${path.join('.')}`)
  return { kind: 'name', path }
}

function parseCase(reader: Parser): Expression {
  const subject = reader.isWord('WHEN') ? null : parseExpression(reader)
  const whens: { when: Expression; value: Expression }[] = []
  while (reader.accept('WHEN')) {
    const asked = parseExpression(reader)
    reader.expect('THEN')
    const when: Expression = subject
      ? { kind: 'binary', operator: '=', left: subject, right: asked }
      : asked
    whens.push({ when, value: parseExpression(reader) })
  }
  if (whens.length === 0) throw reader.unexpected('keyword WHEN')
  const otherwise = reader.accept('ELSE') ? parseExpression(reader) : null
  reader.expect('END')
  return { kind: 'case', whens, otherwise }
}

function parseCast(reader: Parser, safe: boolean): Expression {
  const value = parseExpression(reader)
  reader.expect('AS')
  const { word, text } = reader.next()
  const type = findTypeName(word)
  if (!type) throw unsupported(`casts to ${text}`)
  reader.expect(')')
  return { kind: 'cast', value, type, safe }
}
