import type { ClaimedJob } from './job-run.ts'

/** What a brand wants its texts to be like, as it stands when the job runs. */
export interface BrandGuidelines {
  name: string
  voice: string | null
  forbiddenWords: readonly string[]
}

/** What a model is told before the prompt itself. */
export function systemPromptOf(job: ClaimedJob, brand: BrandGuidelines | null): string {
  const { contentType, platforms, generationParams, brandAdherence } = job
  const { tone, includeHashtags, includeEmojis } = generationParams
  const voice = brandAdherence?.enforceBrandVoice ? brand?.voice : null
  const forbidden = brandAdherence?.checkCompliance ? (brand?.forbiddenWords ?? []) : []
  return [
    `You write marketing content. Write exactly one ${contentType.replace('_', ' ')}.`,
    platforms.length > 0 && `It will be published on: ${platforms.join(', ')}.`,
    brand && `The brand is called ${brand.name}.`,
    voice && `Keep to the voice of the brand: ${voice}`,
    voice && 'Say in followsBrandVoice, honestly, whether your text does.',
    forbidden.length > 0 && `Never use these words: ${forbidden.join(', ')}.`,
    tone && `The tone is ${tone}.`,
    includeHashtags ? 'Suggest a few hashtags.' : 'Use no hashtags.',
    includeEmojis ? 'Emojis are welcome.' : 'Use no emojis.',
  ]
    .filter(Boolean)
    .join('\n')
}

/** The prompt for one item; `complaints` are what was wrong with the text before. */
export function promptOf(job: ClaimedJob, topic: string, complaints: readonly string[]): string {
  const prompt = job.generationParams.promptTemplate.replaceAll('{topic}', () => topic)
  if (complaints.length === 0) return prompt
  return `${prompt}\n\nAn earlier text was refused: ${complaints.join('; ')}. Avoid that.`
}
