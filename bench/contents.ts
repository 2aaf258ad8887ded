/** What a `CreateContentInput` of the API takes here. */
export interface SampleContent {
  title: string
  type: string
  status: string
  tags: string[]
  body: { format: string; raw: string }
}

/** Sizes of bodies are spread log-normally around their median: many small ones, a few large. */
export const medianCharacters = 6_000
const spread = 0.8
const maxTimesMedian = 20

export const contentTypes = ['POST', 'STORY', 'AD', 'ARTICLE', 'TWEET', 'VIDEO', 'REEL']
export const contentStatuses = ['PUBLISHED', 'PUBLISHED', 'PUBLISHED', 'DRAFT', 'ARCHIVED']
const formats = ['HTML', 'HTML', 'HTML', 'MARKDOWN', 'MARKDOWN', 'TEXT']
export const contentTags = [
  'autumn',
  'brew guide',
  'café',
  'launch',
  'loyalty',
  'roastery',
  'sale',
  'team',
]
/** One body in four has characters that are not ASCII, as posts with emoji have. */
const accents = ['☕️', '🎉', 'crème', 'Zürich', '—', '“morning”', '20 €']

const syllables =
  'an ba ber bri ca com con cu de di er est fe fla fo ge har hi in ka la lin lo ma me mi na ne no or pa per po ra re ri ro sa se so sta ta te ti to tra tu un va ve vi wa wi'.split(
    ' ',
  )

/** Contents as a marketing team might have them: the same list for the same seed. */
export function* sampleContents(
  count: number,
  seed: number,
  median = medianCharacters,
): Iterable<SampleContent> {
  const random = seededRandom(seed)
  const words = makeVocabulary(random, 4_000)
  // Few words are used often and most are rare (Zipf), which is what makes text compress as it does.
  const word = () => words[Math.floor(words.length ** random()) - 1] ?? 'coffee'
  for (let index = 0; index < count; index++) {
    const format = pick(formats, random)
    const length = median * Math.min(maxTimesMedian, Math.exp(spread * gaussian(random)))
    const decorated = random() < 0.25
    yield {
      title: `${capitalize(word())} ${word()} ${word()} no. ${index + 1}`,
      type: pick(contentTypes, random),
      status: pick(contentStatuses, random),
      tags: contentTags.filter(() => random() < 0.3),
      body: { format, raw: writeBody(format, length, word, decorated, random) },
    }
  }
}

function writeBody(
  format: string,
  length: number,
  word: () => string,
  decorated: boolean,
  random: () => number,
): string {
  const paragraphs: string[] = []
  for (let written = 0; written < length;) {
    const text = Array.from({ length: 30 + Math.floor(random() * 60) }, word).join(' ')
    const accent = decorated ? ` ${pick(accents, random)}` : ''
    const paragraph = wrap(format, `${capitalize(text)}${accent}.`, paragraphs.length)
    paragraphs.push(paragraph)
    written += paragraph.length
  }
  return paragraphs.join('\n\n')
}

function wrap(format: string, text: string, index: number): string {
  if (format === 'HTML') return `<p class="copy">${text} <a href="/p/${index}">"More"</a></p>`
  if (format === 'MARKDOWN' && index % 4 === 0) return `## Section ${index}\n\n${text}`
  return text
}

function makeVocabulary(random: () => number, size: number): string[] {
  const word = () =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(syllables, random)).join('')
  return Array.from({ length: size }, word)
}

function pick<T>(items: readonly T[], random: () => number): T {
  return items[Math.floor(random() * items.length)] as T
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Box and Muller. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** A linear congruential generator modulo 2³² (Numerical Recipes): the same numbers everywhere. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
