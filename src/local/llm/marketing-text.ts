import { seededRandom } from '../faults.ts'

export interface MarketingText {
  title: string
  body: string
  hashtags: string[]
}

/** The last line of every text, so that nobody takes it for a model's. */
export const signature = 'Written by the local stand-in for a language model, from templates.'

const titles = [
  'What {topic} can do for you',
  '{topic}, without the guesswork',
  'Five minutes on {topic}',
  'Why {topic} matters this season',
  'A fresh look at {topic}',
  'The quiet case for {topic}',
  'Start small with {topic}',
]
const openings = [
  'Most teams meet {topic} on a busy Tuesday, between two other things.',
  'Ask ten people about {topic} and you will hear ten stories.',
  'There is a moment when {topic} stops being a plan and starts to pay off.',
  'If {topic} is on your list for this quarter, you are in good company.',
  'We spent a month listening to customers talk about {topic}.',
  'Good news first: {topic} is easier to begin with than it looks.',
]
const points = [
  'Begin with the one step that your customers will notice, and leave the rest for later.',
  'What helps most is not more effort but a clear order: first the offer, then the words.',
  'Small numbers tell the truth early, so choose one and look at it every Friday.',
  'A single page that answers the first question does more than a campaign of slogans.',
  'People remember how simple it was, long after they have forgotten the price.',
  'The best results came from teams that asked before they built.',
  'Keep what works, write down why, and drop one habit that does not.',
  'It costs an afternoon to try, and an afternoon is easy to give back.',
  'Nobody needs to be an expert: a checklist and a colleague are enough.',
  'Done well, it saves the hours that used to vanish between two meetings.',
]
const closings = [
  'Would you like to see what {topic} looks like for you? Write to us, we answer the same day.',
  'Try {topic} for a week and tell us what changed.',
  'Save this for the next time somebody asks about {topic}.',
  'The next step takes two minutes. We will be glad to walk it with you.',
]

/** Readable prose about a topic, 300 to 900 characters; the same for the same seed. */
export function writeMarketingText(topic: string, seed: number): MarketingText {
  const random = seededRandom(seed)
  const pick = (lines: readonly string[]) => lines[Math.floor(random() * lines.length)] ?? ''
  const middle = pickSome(points, 3 + Math.floor(random() * 3), random)
  const half = Math.ceil(middle.length / 2)
  const paragraphs = [
    [pick(openings), ...middle.slice(0, half)].join(' '),
    [...middle.slice(half), pick(closings)].join(' '),
    signature,
  ]
  const name = (text: string) => text.replaceAll('{topic}', topic)
  const words = topic.match(/[\p{L}\p{N}]+/gu) ?? []
  return {
    title: capitalize(name(pick(titles))),
    body: name(paragraphs.join('\n\n')),
    hashtags: [words.slice(0, 3).map(capitalize).join(''), 'Marketing', pick(tags)],
  }
}

const tags = ['SmallBusiness', 'GrowthTips', 'BrandStory', 'CustomerFirst', 'Strategy']

function pickSome(lines: readonly string[], count: number, random: () => number): string[] {
  return lines
    .map((line) => ({ line, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, count)
    .map(({ line }) => line)
}

function capitalize(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
