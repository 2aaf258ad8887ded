import fc from 'fast-check'
import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { isNestedTooDeep } from '../../src/graphql/document-nesting.ts'

const nested = (depth: number, leaf: string) =>
  `{ f(a: ${'['.repeat(depth - 2)}${leaf}${']'.repeat(depth - 2)}) }`

test('brackets nest fifty deep and no deeper', () => {
  expect(isNestedTooDeep(nested(50, '1'))).toBe(false)
  expect(isNestedTooDeep(nested(51, '1'))).toBe(true)
  expect(isNestedTooDeep('{ a { b } } '.repeat(1_000))).toBe(false)
})

test('brackets in strings and comments do not count, those after them do', () => {
  const brackets = '['.repeat(60)
  const hidden = [
    `"${brackets}"`,
    `"\\"${brackets}\\\\"`,
    `"""${brackets}"""`,
    `"""${brackets}\\"""${brackets}" "" """`,
    `""`,
    `""""""`,
    `1 # ${brackets}"\n`,
  ]
  for (const leaf of hidden) {
    const document = nested(50, leaf)
    expect(() => parse(document)).not.toThrow()
    expect(isNestedTooDeep(document)).toBe(false)
    expect(isNestedTooDeep(nested(51, leaf))).toBe(true)
  }
})

test('any text is scanned to its end', () => {
  const text = fc.string({ unit: fc.constantFrom('"', '\\', '\n', '#', '{', '}', 'x') })
  fc.assert(fc.property(text, (document) => typeof isNestedTooDeep(document) === 'boolean'))
})
