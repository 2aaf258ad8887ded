/** Two texts cut into tokens; equal tokens have equal numbers, from 0 up to `vocabulary`. */
export interface TokenPair {
  from: Tokens
  to: Tokens
  vocabulary: number
}

export interface Tokens {
  texts: readonly string[]
  numbers: Int32Array
}

/** Lines with their ends; joined they are the text again. */
export function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

/** Phrases with the punctuation that ends them, tags of HTML, and what stands between two of them. */
export function splitPhrases(text: string): string[] {
  return (
    text.match(/[^\n.,;:!?>。，；：！？]+[\n.,;:!?>。，；：！？]*|[\n.,;:!?>。，；：！？]+/g) ?? []
  )
}

/** Words, runs of white space on a line, line ends, and each other character by itself. */
export function splitWords(text: string): string[] {
  const words: string[] = []
  for (let start = 0; start < text.length;) {
    const kind = kindOf(text.charCodeAt(start))
    let end = start + 1
    if (kind === word || kind === space) {
      while (end < text.length && kindOf(text.charCodeAt(end)) === kind) end++
    }
    words.push(text.slice(start, end))
    start = end
  }
  return words
}

const [word, space, lineEnd, other] = [1, 2, 3, 4] as const

/** By UTF-16 unit, 0 while unknown: asking the expressions each time is what takes long. */
const kinds = new Uint8Array(65_536)

function kindOf(unit: number): number {
  return kinds[unit] || (kinds[unit] = judge(String.fromCharCode(unit)))
}

/** Halves of surrogate pairs count as letters, so that no pair is torn apart. */
function judge(character: string): number {
  if (character === '\n') return lineEnd
  if (/\s/.test(character)) return space
  return /[\p{L}\p{N}\p{M}\p{Cs}_]/u.test(character) ? word : other
}

/** Cuts both texts and numbers the tokens. */
export function tokenize(
  from: string,
  to: string,
  split: (text: string) => readonly string[],
): TokenPair {
  const known = new Map<string, number>()
  const numbersOf = (texts: readonly string[]) => {
    const numbers = new Int32Array(texts.length)
    for (let index = 0; index < texts.length; index++) {
      const text = texts[index] as string
      let number = known.get(text)
      if (number === undefined) known.set(text, (number = known.size))
      numbers[index] = number
    }
    return numbers
  }
  const [before, after] = [split(from), split(to)]
  return {
    from: { texts: before, numbers: numbersOf(before) },
    to: { texts: after, numbers: numbersOf(after) },
    vocabulary: known.size,
  }
}

/** The text of some of the tokens. */
export function textOf({ texts }: Tokens, [start, end]: readonly [number, number]): string {
  return texts.slice(start, end).join('')
}
