import { builder } from '../../graphql/builder.ts'
import { idOf } from '../../graphql/global-id.ts'
import { ContentTypeEnum, PlatformEnum } from '../content/content-enums.graphql.ts'
import type { GenerationInput } from './generation-input.ts'
import { AdherenceLevelEnum } from '../generation/generation-job.graphql.ts'

const GenerationParamsInput = builder.inputType('GenerationParamsInput', {
  description: 'What to write, and how.',
  fields: (t) => ({
    model: t.string({ required: true }),
    temperature: t.float({
      defaultValue: 0.7,
      description: '0 to 2; null leaves it to the model.',
    }),
    maxTokens: t.int({ description: 'For each item; null leaves it to the model.' }),
    promptTemplate: t.string({
      required: true,
      description: "`{topic}` stands where each item's topic goes.",
    }),
    topics: t.stringList({ required: true, description: 'The items take them in turn.' }),
    tone: t.string(),
    includeHashtags: t.boolean({ required: true, defaultValue: true }),
    includeEmojis: t.boolean({ required: true, defaultValue: false }),
    llmKeyId: t.id({
      description:
        "One of your own keys. Else your newest to the model's provider, or else the platform's.",
    }),
  }),
})

const BrandAdherenceInput = builder.inputType('BrandAdherenceInput', {
  fields: (t) => ({
    level: t.field({ type: AdherenceLevelEnum, required: true, defaultValue: 'MODERATE' }),
    enforceBrandVoice: t.boolean({ required: true, defaultValue: true }),
    checkCompliance: t.boolean({ required: true, defaultValue: true }),
  }),
})

export const GenerateContentBatchInput = builder.inputType('GenerateContentBatchInput', {
  fields: (t) => ({
    brandId: t.id(),
    campaignSpaceId: t.id({ description: 'Of the brand, which is needed with it.' }),
    jobType: t.string({
      required: true,
      description: 'Your own word; well-known are batch_social and campaign_content.',
    }),
    contentType: t.field({ type: ContentTypeEnum, required: true }),
    targetCount: t.int({
      required: true,
      description: 'How many contents: up to what the plan allows a month, and 50,000.',
    }),
    platforms: t.field({ type: [PlatformEnum], required: true }),
    params: t.field({ type: GenerationParamsInput, required: true }),
    brandAdherence: t.field({ type: BrandAdherenceInput }),
    maxCostUsd: t.field({
      type: 'Decimal',
      description: 'The job stops before it costs more; the price of its model must be known.',
    }),
    idempotencyKey: t.string({
      description: 'Names this call: a repeat within 24 hours answers the same job.',
    }),
  }),
})

/** Database ids for global ids, and null for what was left out. */
export function readGenerationInput(
  input: typeof GenerateContentBatchInput.$inferInput,
): GenerationInput {
  const { params, brandId, campaignSpaceId } = input
  const { temperature = null, maxTokens = null, tone = null, llmKeyId, ...rest } = params
  return {
    ...input,
    brandId: brandId == null ? null : idOf('Brand', brandId),
    campaignSpaceId: campaignSpaceId == null ? null : idOf('CampaignSpace', campaignSpaceId),
    params: {
      ...rest,
      temperature,
      maxTokens,
      tone,
      llmKeyId: llmKeyId == null ? null : idOf('LlmKey', llmKeyId),
    },
    brandAdherence: input.brandAdherence ?? null,
    maxCostUsd: input.maxCostUsd ?? null,
    idempotencyKey: input.idempotencyKey ?? null,
  }
}
