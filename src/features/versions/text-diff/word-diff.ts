import { alignTokens, type Change } from './align.ts'
import { splitLines, splitPhrases, splitWords, textOf, tokenize, type TokenPair } from './tokens.ts'

/** A stretch of the one text, the other, or both. */
export interface Part {
  kind: 'kept' | 'removed' | 'added'
  text: string
}

type Split = (text: string) => readonly string[]

/** Of a comparison in all; about 50 ms are spent searching then. */
const maxEffort = 1_000_000
/** Where so much, of both sides, has not one phrase in common, its words tell nothing. */
const maxWordsLength = 100_000

/**
 * What became of a text, word by word: all but the added parts are `from`, all but the removed ones
 * `to`, to the last character. Phrases are compared where lines differ, and words where phrases do;
 * what takes too long is replaced as a whole.
 */
export function diffWords(from: string, to: string): Part[] {
  const parts: Part[] = []
  const add = (kind: Part['kind'], text: string) => {
    const last = parts.at(-1)
    if (text === '') return
    if (last?.kind === kind) last.text += text
    else parts.push({ kind, text })
  }
  const effort = { left: maxEffort }
  const replace = (before: string, after: string) => {
    add('removed', before)
    add('added', after)
  }
  const compare = (before: string, after: string, [split, ...finer]: readonly Split[]): void => {
    const isWhole = before === '' || after === '' || effort.left <= 0
    const isTooLong = split === splitWords && before.length + after.length > maxWordsLength
    if (!split || isWhole || isTooLong) return replace(before, after)
    const tokens = tokenize(before, after, split)
    const found = alignTokens(tokens, effort)
    const changes = split === splitWords ? bridgeSpace(tokens, found) : found
    walk(tokens, changes, add, (removed, added) => compare(removed, added, finer))
  }
  compare(from, to, [splitLines, splitPhrases, splitWords])
  return parts
}

/** Calls `add` for what is kept and `change` for what is not, in order. */
function walk(
  { from, to }: TokenPair,
  changes: readonly Change[],
  add: (kind: 'kept', text: string) => void,
  change: (removed: string, added: string) => void,
): void {
  let kept = 0
  for (const { from: removed, to: added } of changes) {
    add('kept', textOf(from, [kept, removed[0]]))
    change(textOf(from, removed), textOf(to, added))
    kept = removed[1]
  }
  add('kept', textOf(from, [kept, from.texts.length]))
}

/** Joins changes with nothing but white space between them: people read a phrase, not its words. */
function bridgeSpace({ from }: TokenPair, changes: readonly Change[]): Change[] {
  const joined: Change[] = []
  for (const change of changes) {
    const last = joined.at(-1)
    const between = last ? textOf(from, [last.from[1], change.from[0]]) : ''
    if (last && /^[^\S\n]+$/.test(between)) {
      joined[joined.length - 1] = {
        from: [last.from[0], change.from[1]],
        to: [last.to[0], change.to[1]],
      }
    } else joined.push(change)
  }
  return joined
}

/** The parts as `git diff --word-diff` marks them; marks in the text itself stay as they are. */
export function markWords(parts: readonly Part[]): string {
  return parts.map(({ kind, text }) => marks[kind](text)).join('')
}

const marks: Record<Part['kind'], (text: string) => string> = {
  kept: (text) => text,
  removed: (text) => `[-${text}-]`,
  added: (text) => `{+${text}+}`,
}

/** Characters (code points) in the parts of one kind. */
export function countCharacters(parts: readonly Part[], kind: Part['kind']): number {
  return parts.reduce((sum, part) => sum + (part.kind === kind ? codePoints(part.text) : 0), 0)
}

function codePoints(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0)
}
