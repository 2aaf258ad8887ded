import type { Draft } from '../../platform/models.ts'
import type { BrandAdherence } from '../generation/generation-job.entity.ts'
import type { BrandGuidelines } from './draft-prompt.ts'

/** In what a draft does not keep to its brand, a sentence each; none when it does. */
export function violationsOf(
  draft: Draft,
  adherence: BrandAdherence | null,
  brand: BrandGuidelines | null,
): string[] {
  if (!adherence || !brand) return []
  const text = [draft.title, draft.body, ...draft.hashtags].join('\n')
  const used = adherence.checkCompliance
    ? brand.forbiddenWords.filter((word) => contains(text, word))
    : []
  const violations = used.map((word) => `it uses the forbidden word "${word}"`)
  if (adherence.enforceBrandVoice && draft.followsBrandVoice === false) {
    violations.push('it does not keep to the voice of the brand')
  }
  return violations
}

/** Scripts in which words stand side by side without a space. */
const unspaced = ['Han', 'Hira', 'Kana', 'Thai', 'Laoo', 'Khmr', 'Mymr']
  .map((script) => `\\p{scx=${script}}`)
  .join('')

/** What makes a longer word of the one beside it. */
const inWord = `[[\\p{L}\\p{M}\\p{N}]--[${unspaced}]]`

/** As a word or words of its own, in any case: "free" is not in "freedom". */
function contains(text: string, word: string): boolean {
  const escaped = word
    .normalize()
    .trim()
    .replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
    .replace(/\s+/g, '\\s+')
  return new RegExp(`(?<!${inWord})${escaped}(?!${inWord})`, 'iv').test(text.normalize())
}

/**
 * Whether a text that does not keep to its brand is asked for again: a strict brand stores no such text,
 * a moderate one gets a second try, a loose one is told.
 */
export function isRefused({ level }: BrandAdherence, failures: number): boolean {
  return level === 'STRICT' || (level === 'MODERATE' && failures === 0)
}
