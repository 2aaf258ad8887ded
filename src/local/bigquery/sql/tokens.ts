import { invalidQuery, unsupported } from '../replies.ts'

export interface Token {
  kind: 'name' | 'quoted' | 'param' | 'string' | 'number' | 'symbol' | 'end'
  /** Names in upper case as `word`; quoted ones and strings without their quotes. */
  text: string
  word: string
  at: number
}

const patterns: readonly [Token['kind'] | 'blank', RegExp][] = [
  ['blank', /\s+|--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\//y],
  ['quoted', /`(?:[^`\\\n]|\\.)+`/y],
  ['param', /@[a-z_]\w*/iy],
  ['string', /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/y],
  ['number', /(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/iy],
  ['name', /[a-z_]\w*/iy],
  ['symbol', /<>|!=|<=|>=|\|\||[-+*/().,<>=[\]]/y],
]

/** GoogleSQL's words: https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < sql.length;) {
    const { kind, text } = match(sql, at)
    if (kind !== 'blank') tokens.push(toToken(kind, text, at, tokens.at(-1)))
    at += text.length
  }
  tokens.push({ kind: 'end', text: '', word: '', at: sql.length })
  return tokens
}

function match(sql: string, at: number) {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at
    const text = pattern.exec(sql)?.[0]
    if (text) return { kind, text }
  }
  throw invalidQuery(`Syntax error: Unexpected "${sql[at]}" at ${positionOf(sql, at)}`)
}

const prefixes = ['R', 'B', 'RB', 'BR']

function toToken(kind: Token['kind'], text: string, at: number, before?: Token): Token {
  if (kind === 'string' && before?.kind === 'name' && before.at + before.text.length === at) {
    if (prefixes.includes(before.word)) throw unsupported(`string literals with a prefix: ${text}`)
  }
  if (kind === 'quoted') return { kind, text: text.slice(1, -1), word: '', at }
  if (kind === 'param') return { kind, text: text.slice(1), word: '', at }
  if (kind === 'string') return { kind, text: unescape(text.slice(1, -1)), word: '', at }
  return { kind, text, word: text.toUpperCase(), at }
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

function unescape(text: string): string {
  return text.replace(/\\(.)/gs, (whole, sign: string) => {
    if (/[\\'"`?]/.test(sign)) return sign
    const meant = escapes[sign]
    if (meant === undefined) throw unsupported(`the escape sequence ${whole} in string literals`)
    return meant
  })
}

/** As error messages say it: `[line:column]`, from 1. */
export function positionOf(sql: string, at: number): string {
  const before = sql.slice(0, at).split('\n')
  return `[${before.length}:${(before.at(-1)?.length ?? 0) + 1}]`
}
