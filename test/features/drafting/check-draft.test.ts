import { expect, test } from 'vitest'
import { isRefused, violationsOf } from '../../../src/features/drafting/check-draft.ts'
import type { AdherenceLevel } from '../../../src/features/generation/generation-job.entity.ts'

const draft = { title: '', body: '', hashtags: [], mentions: [], followsBrandVoice: null }
const adherence = { level: 'STRICT' as const, enforceBrandVoice: true, checkCompliance: true }

function found(body: string, word: string): boolean {
  const brand = { name: 'Acme', voice: null, forbiddenWords: [word] }
  return violationsOf({ ...draft, body }, adherence, brand).length > 0
}

const cases: [word: string, uses: string[], doesNot: string[]][] = [
  ['free', ['It is free.', 'FREE!', 'sugar-free', '*free*', '“Free”'], ['freedom', 'carefree']],
  ['best in class', ['the Best in\nclass', 'best in class'], ['best in classes', 'best class']],
  [' cheap ', ['cheap'], ['cheapest']],
  ['C++', ['We love C++.', '(c++)'], ['C', 'C+']],
  ['a.b', ['a.b'], ['acb']],
  ['$5', ['only $5 today'], ['$50']],
  ['50%', ['save 50% now'], ['150%']],
  ['und/oder', ['Tee und/oder Kaffee'], ['und oder']],
  ['café', ['Un caf\u00e9.', 'Un cafe\u0301.', 'UN CAFÉ'], ['cafés', 'cafe']],
  ['cafe', ['cafe'], ['cafe\u0301']],
  ['सस्ता', ['यह सस्ता है'], ['सस्ताई']],
  ['सस्त', ['सस्त'], ['सस्ता']],
  ['дёшево', ['ДЁШЕВО и быстро'], ['недёшево']],
  ['安い', ['これは安いです。'], ['高い']],
  ['iPhone', ['このiPhoneは'], ['iPhones']],
  ['ราคาถูก', ['สินค้าราคาถูกมาก'], ['ราคา']],
]

test.for(cases)('the word "%s" is found as a word of its own', ([word, uses, doesNot]) => {
  expect(uses.filter((text) => !found(text, word))).toEqual([])
  expect(doesNot.filter((text) => found(text, word))).toEqual([])
})

test('title and hashtags are looked at as well, and each word is named', () => {
  const brand = { name: 'Acme', voice: null, forbiddenWords: ['cheap', 'best', 'loud'] }
  const text = { ...draft, title: 'Best tea', body: 'Tea.', hashtags: ['Cheap'] }
  expect(violationsOf(text, adherence, brand)).toEqual([
    'it uses the forbidden word "cheap"',
    'it uses the forbidden word "best"',
  ])
})

test('only a model that says no keeps from its voice', () => {
  const brand = { name: 'Acme', voice: 'Dry.', forbiddenWords: [] }
  const said = [true, false, null].map((followsBrandVoice) =>
    violationsOf({ ...draft, followsBrandVoice }, adherence, brand),
  )
  expect(said).toEqual([[], ['it does not keep to the voice of the brand'], []])
})

test('nothing is held against a text without a brand, or without wishes for it', () => {
  const brand = { name: 'Acme', voice: 'Dry.', forbiddenWords: ['cheap'] }
  const text = { ...draft, body: 'cheap', followsBrandVoice: false }
  expect(violationsOf(text, adherence, null)).toEqual([])
  expect(violationsOf(text, null, brand)).toEqual([])
})

test('a strict brand refuses always, a moderate one once, a loose one never', () => {
  const refusals = (level: AdherenceLevel) =>
    [0, 1, 2].map((failures) => isRefused({ ...adherence, level }, failures))
  expect(refusals('STRICT')).toEqual([true, true, true])
  expect(refusals('MODERATE')).toEqual([true, false, false])
  expect(refusals('LOOSE')).toEqual([false, false, false])
})
