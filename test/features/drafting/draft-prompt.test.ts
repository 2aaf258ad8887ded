import { expect, test } from 'vitest'
import { promptOf, systemPromptOf } from '../../../src/features/drafting/draft-prompt.ts'
import type { ClaimedJob } from '../../../src/features/drafting/job-run.ts'
import type { GenerationParams } from '../../../src/features/generation/generation-job.entity.ts'
import { newId } from '../../../src/lib/id.ts'

const params: GenerationParams = {
  temperature: null,
  maxTokens: null,
  promptTemplate: 'Write about {topic}.',
  topics: ['tea'],
  tone: null,
  includeHashtags: false,
  includeEmojis: false,
}

function jobWith(
  fields: Partial<Omit<ClaimedJob, 'generationParams'>> & {
    generationParams?: Partial<GenerationParams>
  } = {},
): ClaimedJob {
  return {
    id: newId(),
    attempts: 1,
    userId: null,
    brandId: null,
    campaignSpaceId: null,
    contentType: 'post',
    platforms: [],
    provider: 'compatible',
    model: 'local-writer',
    llmKeyId: null,
    ownKey: false,
    brandAdherence: null,
    maxCostUsd: null,
    watched: false,
    ...fields,
    generationParams: { ...params, ...fields.generationParams },
  }
}

test('the topic stands wherever the template wants it, as it is', () => {
  const job = jobWith({ generationParams: { promptTemplate: '{topic}? {topic}! {other}' } })
  expect(promptOf(job, 'tea', [])).toBe('tea? tea! {other}')
  // Neither a pattern of `replace` nor a template itself.
  expect(promptOf(job, "$& $' {topic}", [])).toBe("$& $' {topic}? $& $' {topic}! {other}")
})

test('what was wrong with an earlier text is told with the next request', () => {
  expect(promptOf(jobWith(), 'tea', ['it is dull', 'it is long'])).toBe(
    'Write about tea.\n\nAn earlier text was refused: it is dull; it is long. Avoid that.',
  )
})

test('without a brand the model is told what to write, and nothing that nobody has said', () => {
  expect(systemPromptOf(jobWith(), null)).toBe(
    [
      'You write marketing content. Write exactly one post.',
      'Use no hashtags.',
      'Use no emojis.',
    ].join('\n'),
  )
})

test('platforms, tone, hashtags and emojis are told as they were asked for', () => {
  const job = jobWith({
    platforms: ['instagram', 'facebook'],
    generationParams: { tone: 'warm', includeHashtags: true, includeEmojis: true },
  })
  expect(systemPromptOf(job, null).split('\n').slice(1)).toEqual([
    'It will be published on: instagram, facebook.',
    'The tone is warm.',
    'Suggest a few hashtags.',
    'Emojis are welcome.',
  ])
})

const brand = { name: 'Acme', voice: 'Dry.', forbiddenWords: ['cheap', 'loud'] }
const adherence = { level: 'STRICT', enforceBrandVoice: true, checkCompliance: true } as const
const voiceTold = 'Keep to the voice of the brand: Dry.'
const wordsTold = 'Never use these words: cheap, loud.'

test('a brand is named; its voice and words are told when the job keeps to them', () => {
  const told = (brandAdherence: ClaimedJob['brandAdherence'], own = brand) =>
    systemPromptOf(jobWith({ brandAdherence }), own)
      .split('\n')
      .filter((line) => line.includes('brand') || line.includes('words'))
  const named = 'The brand is called Acme.'
  expect(told(null)).toEqual([named])
  expect(told(adherence)).toEqual([named, voiceTold, wordsTold])
  expect(told({ ...adherence, enforceBrandVoice: false })).toEqual([named, wordsTold])
  expect(told({ ...adherence, checkCompliance: false })).toEqual([named, voiceTold])
  expect(told(adherence, { ...brand, forbiddenWords: [] })).toEqual([named, voiceTold])
})
