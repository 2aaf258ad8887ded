import { invalidQuery } from '../replies.ts'
import type { Expression, Query } from './tree.ts'
import { positionOf, tokenize, type Token } from './tokens.ts'

export type Reader = ReturnType<typeof createReader>

/** The words, and the two parts of the grammar that contain one another. */
export interface Parser extends Reader {
  expression(): Expression
  query(): Query
}

/** The words of a statement, one after the other. */
export function createReader(sql: string) {
  const tokens = tokenize(sql)
  let at = 0
  const peek = (ahead = 0): Token => tokens[Math.min(at + ahead, tokens.length - 1)] as Token
  const next = (): Token => {
    const token = peek()
    at++
    return token
  }
  const isWord = (word: string, ahead = 0) => {
    const token = peek(ahead)
    return (token.kind === 'name' || token.kind === 'symbol') && token.word === word
  }

  function unexpected(wanted?: string): Error {
    const token = peek()
    const got = token.kind === 'end' ? 'end of script' : `"${token.text}"`
    const place = positionOf(sql, token.at)
    const words = wanted ? `Expected ${wanted} but got ${got}` : `Unexpected ${got}`
    return invalidQuery(`Syntax error: ${words} at ${place}`)
  }

  function accept(...words: readonly string[]): boolean {
    if (!words.every((word, n) => isWord(word, n))) return false
    at += words.length
    return true
  }

  function expect(...words: readonly string[]): void {
    if (!accept(...words)) throw unexpected(`keyword ${words.join(' ')}`)
  }

  return {
    peek,
    next,
    isWord,
    /** Takes these words if they come next, all of them. */
    accept,
    expect,
    unexpected,
    isEnd: () => peek().kind === 'end',
    /** At least one, between commas. */
    list<T>(one: () => T): T[] {
      const items = [one()]
      while (accept(',')) items.push(one())
      return items
    },
    identifier(): string {
      const token = peek()
      const reserved = token.kind === 'name' && reservedWords.has(token.word)
      if ((token.kind !== 'name' && token.kind !== 'quoted') || reserved) {
        throw unexpected('identifier')
      }
      return next().text
    },
  }
}

/** https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#reserved_keywords */
export const reservedWords: ReadonlySet<string> = new Set(
  `ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE
  CROSS CUBE CURRENT DEFAULT DEFINE DESC DISTINCT ELSE END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT
  FALSE FETCH FOLLOWING FOR FROM FULL GROUP GROUPING GROUPS HASH HAVING IF IGNORE IN INNER INTERSECT
  INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT LOOKUP MERGE NATURAL NEW NO NOT NULL NULLS OF ON OR
  ORDER OUTER OVER PARTITION PRECEDING PROTO QUALIFY RANGE RECURSIVE RESPECT RIGHT ROLLUP ROWS SELECT
  SET SOME STRUCT TABLESAMPLE THEN TO TREAT TRUE UNBOUNDED UNION UNNEST USING WHEN WHERE WINDOW WITH
  WITHIN`.split(/\s+/),
)
