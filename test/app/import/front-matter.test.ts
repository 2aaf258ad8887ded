import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitFrontMatter } from '../../../src/app/import/front-matter.ts'

test('the body is every character after the closing fence', () => {
  const split = (text: string) => splitFrontMatter(text).body
  expect(split('---\ntitle: A\n---\nText\n')).toBe('Text\n')
  expect(split('---\ntitle: A\n---\n\n\nText')).toBe('\n\nText')
  expect(split('---\r\ntitle: A\r\n---\r\nOne\r\nTwo\r\n')).toBe('One\r\nTwo\r\n')
  expect(split('\uFEFF---\ntitle: A\n---\nText')).toBe('Text')
  expect(split('--- \ntitle: A\n---\t\nText')).toBe('Text')
  expect(split('---\ntitle: A\n---')).toBe('')
  expect(split('---\n---\nText')).toBe('Text')
})

test('without front matter the text is the body, a BOM and a thematic break included', () => {
  for (const text of [
    'Text\n',
    '\uFEFFText',
    '---\nnever closed\n',
    '----\na: 1\n---\n',
    ' ---\n',
    '',
  ]) {
    expect(splitFrontMatter(text)).toEqual({ fields: {}, body: text })
  }
})

test('a fence within a line, indented or longer closes nothing', () => {
  const { fields, body } = splitFrontMatter('---\na: x --- y\nb: |\n  ---\nc: ----\n---\n---\nText')
  expect(fields).toEqual({ a: 'x --- y', b: '---\n', c: '----' })
  expect(body).toBe('---\nText')
})

test('any body survives any line end, byte for byte', () => {
  const lineEnd = fc.constantFrom('\n', '\r\n')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), lineEnd, (body, end) => {
      const text = ['---', 'title: A', '---', body].join(end)
      expect(splitFrontMatter(text)).toEqual({ fields: { title: 'A' }, body })
    }),
  )
})

test('fields are what JSON can hold; dates stay as they are written', () => {
  const yaml =
    'date: 2020-01-02\nwhen: 2020-01-02T03:04:05Z\nn: 1.50\nbad: .nan\nempty:\nlist: [a, {b: c}]'
  expect(splitFrontMatter(`---\n${yaml}\n---\n`).fields).toEqual({
    date: '2020-01-02',
    when: '2020-01-02T03:04:05Z',
    n: 1.5,
    bad: null,
    empty: null,
    list: ['a', { b: 'c' }],
  })
})

test('bad YAML is refused with the line of the file', () => {
  const split = (yaml: string) => () => splitFrontMatter(`---\n${yaml}\n---\nText`)
  expect(split('title: A\ntitle: B')).toThrow('Map keys must be unique at line 3, column 1')
  expect(split('title: "A')).toThrow(/^bad YAML in the front matter: .* at line \d+/)
  expect(split('- a\n- b')).toThrow('the front matter is not a list of "name: value" lines')
  expect(split('just words')).toThrow('the front matter is not')
})

test('a few lines of aliases do not unfold into gigabytes', () => {
  const levels = Array.from({ length: 20 }, (_, n) => `a${n}: &a${n} [${`*a${n - 1},`.repeat(9)}]`)
  const yaml = ['a: &a [x]', ...levels].join('\n').replace('*a-1', '*a').replaceAll('*a-1', '*a')
  expect(() => splitFrontMatter(`---\n${yaml}\n---\n`)).toThrow('bad YAML in the front matter')
})
