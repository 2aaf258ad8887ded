import { expect, test } from 'vitest'
import { JsonText, toJsonBytes } from '../../src/lib/json-text.ts'

const texts = [
  '',
  'plain',
  'two\nlines, a "quote", a \\ and \u0000',
  'café ☕️ \u2028 日本語',
  'x'.repeat(100_000),
]

test('a text comes out as it went in', () => {
  for (const text of texts) expect(new JsonText(text).text).toBe(text)
})

test('the bytes are those of JSON.stringify, wherever texts stand and however often', () => {
  const value = (make: (text: string) => unknown) => ({
    nodes: texts.map((text) => ({ title: text, body: { raw: make(text), html: make(text) } })),
    nothing: null,
    last: make('end'),
  })
  const kept = new Map(texts.map((text) => [text, new JsonText(text)]))
  const expected = JSON.stringify(value((text) => text))
  const bytes = toJsonBytes(value((text) => kept.get(text) ?? new JsonText(text)))
  expect(bytes.toString()).toBe(expected)
  expect(toJsonBytes(new JsonText('alone')).toString()).toBe('"alone"')
  expect(toJsonBytes({ no: 'text' }).toString()).toBe('{"no":"text"}')
})

test('JSON that others make has the text in it', () => {
  expect(JSON.stringify({ raw: new JsonText('as it is') })).toBe('{"raw":"as it is"}')
})
