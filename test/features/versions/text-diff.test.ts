import { applyPatch, parsePatch } from 'diff'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  jsonPatch,
  type JsonPatchOperation,
} from '../../../src/features/versions/diff-snapshots.ts'
import { diffTexts } from '../../../src/features/versions/text-diff.ts'
import { compareTexts } from '../../../src/features/versions/text-diff/compare.ts'
import { unifiedDiff } from '../../../src/features/versions/text-diff/unified.ts'
import {
  diffWords,
  markWords,
  type Part,
} from '../../../src/features/versions/text-diff/word-diff.ts'

const without = (kind: Part['kind'], parts: readonly Part[]) =>
  parts.flatMap((part) => (part.kind === kind ? [] : part.text)).join('')

/** Texts of few words, so that they have much in common, in many lines. */
const texts = fc
  .array(
    fc.constantFrom('alpha', 'beta', 'γ', '🌍', '-', '[-', '+}', ' ', '  ', '\n', '\r\n', '\t'),
    {
      maxLength: 400,
    },
  )
  .map((words) => words.join(''))

const anyTexts = fc.oneof(texts, fc.string({ unit: 'binary', maxLength: 200 }))

test('without what was added a word diff is the one text, without what was removed the other', () => {
  const wholeBothWays = (from: string, to: string) => {
    const parts = diffWords(from, to)
    expect(without('added', parts)).toBe(from)
    expect(without('removed', parts)).toBe(to)
    const kinds = parts.map(({ kind }) => kind)
    expect(kinds.every((kind, index) => kind !== kinds[index + 1])).toBe(true)
  }
  fc.assert(fc.property(anyTexts, anyTexts, wholeBothWays), { numRuns: 500 })
})

test('a unified diff applies, to the last line end', () => {
  const applies = (from: string, to: string) => {
    const patch = unifiedDiff('body', from, to)
    const [parsed] = parsePatch(patch)
    const options = { autoConvertLineEndings: false }
    expect(patch === '').toBe(from === to)
    expect(parsed ? applyPatch(from, parsed, options) : from).toBe(to)
  }
  fc.assert(fc.property(texts, texts, applies), { numRuns: 500 })
})

test('a JSON patch applies', () => {
  const applies = (before: object, after: object) => {
    expect(apply(structuredClone(before), jsonPatch(before, after))).toEqual(after)
  }
  const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), {
    noNullPrototype: true,
  })
  fc.assert(fc.property(objects, objects, applies), { numRuns: 500 })
})

const property = { enumerable: true, configurable: true, writable: true }

/** RFC 6902, for operations on members of objects. */
function apply(target: object, patch: readonly JsonPatchOperation[]): object {
  for (const operation of patch) {
    const keys = operation.path
      .split('/')
      .slice(1)
      .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = keys.pop() ?? ''
    const parent = keys.reduce<Record<string, unknown>>(
      (object, key) => object[key] as Record<string, unknown>,
      target as Record<string, unknown>,
    )
    expect(Object.hasOwn(parent, last)).toBe(operation.op !== 'add')
    if (operation.op === 'remove') delete parent[last]
    // `__proto__` is a key like any other in JSON.
    else Object.defineProperty(parent, last, { ...property, value: operation.value })
  }
  return target
}

test('words are marked as git marks them, phrases as one', () => {
  const marked = (from: string, to: string) => markWords(diffWords(from, to))
  expect(marked('One two three.', 'One 2 three.')).toBe('One [-two-]{+2+} three.')
  expect(marked('a b c d', 'a x y d')).toBe('a [-b c-]{+x y+} d')
  expect(marked('kept\nold\nend', 'kept\nend\nnew')).toBe('kept\n[-old\n-]end{+\nnew+}')
  expect(marked('', 'new')).toBe('{+new+}')
  expect(marked('same', 'same')).toBe('same')
})

const paragraph = (index: number) =>
  `Paragraph ${index} tells of ${(index * 7919) % 1009} things.\n`
const article = Array.from({ length: 20_000 }, (_, index) => paragraph(index)).join('')

const rewrites: Record<string, (text: string) => string> = {
  'one word': (text) => text.replace('Paragraph 9999 tells', 'Paragraph 9999 told'),
  'a word in every line': (text) => text.replaceAll('things', 'matters'),
  'every word': (text) => text.replace(/\w+/g, (word) => `${word}x`),
  'the order of all lines': (text) => text.split('\n').toReversed().join('\n'),
  everything: (text) => 'Else.\n'.repeat(text.length / 6),
  'all line ends': (text) => text.replaceAll('\n', ' '),
}

test.each(Object.entries(rewrites))(
  'where %s of a long text changed, its diffs are still exact',
  (_name, rewrite) => {
    const rewritten = rewrite(article)
    const parts = diffWords(article, rewritten)
    expect(without('added', parts) === article).toBe(true)
    expect(without('removed', parts) === rewritten).toBe(true)
    const [patch] = parsePatch(unifiedDiff('body', article, rewritten))
    const applied = patch && applyPatch(article, patch, { autoConvertLineEndings: false })
    expect(applied === rewritten).toBe(true)
  },
)

test('one word of a long text is told as one word', () => {
  const told = article.replace('Paragraph 9999 tells', 'Paragraph 9999 told')
  expect(diffWords(article, told).filter(({ kind }) => kind !== 'kept')).toEqual([
    { kind: 'removed', text: 'tells' },
    { kind: 'added', text: 'told' },
  ])
})

test('a long text is compared in a thread, with the same result', async () => {
  const { signal } = new AbortController()
  for (const kind of ['words', 'unified'] as const) {
    const comparison = { kind, from: article, to: article.replaceAll('things', 'matters') }
    expect(await diffTexts(comparison, signal)).toEqual(compareTexts(comparison))
  }
})
