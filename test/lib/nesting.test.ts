import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isWithin } from '../../src/lib/nesting.ts'

const wide = { depth: Infinity, items: Infinity, entries: Infinity }

test('each limit is held to the last level, item and entry', () => {
  const nested = [[[1, 2], 3], { a: 4 }]
  expect(isWithin(nested, { depth: 3, items: 2, entries: 7 })).toBe(true)
  expect(isWithin(nested, { depth: 2, items: 2, entries: 7 })).toBe(false)
  expect(isWithin(nested, { depth: 3, items: 1, entries: 7 })).toBe(false)
  expect(isWithin(nested, { depth: 3, items: 2, entries: 6 })).toBe(false)
  for (const plain of [undefined, null, 1, 'text', true]) {
    expect(isWithin(plain, { depth: 0, items: 0, entries: 0 })).toBe(true)
  }
})

test('any JSON value is within no limits, and a million levels do no harm', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => isWithin(value, wide)))
  const deep = JSON.parse('['.repeat(1_000_000) + ']'.repeat(1_000_000)) as unknown
  expect(isWithin(deep, wide)).toBe(true)
  expect(isWithin(deep, { ...wide, depth: 999_999 })).toBe(false)
})
