import { z } from 'zod'
import type { FieldIssue } from '../../lib/errors.ts'
import type { ContentType, Platform } from '../content/content.entity.ts'
import { check, issue } from '../editing/content-input.ts'
import type { BrandAdherence, GenerationParams } from '../generation/generation-job.entity.ts'

/** What a caller wants generated; ids are database ids. */
export interface GenerationInput {
  brandId: string | null
  campaignSpaceId: string | null
  jobType: string
  contentType: ContentType
  targetCount: number
  platforms: readonly Platform[]
  params: GenerationParams & {
    model: string
    /** One of the tenant's own; null leaves the choice to the gateway. */
    llmKeyId: string | null
  }
  brandAdherence: BrandAdherence | null
  /** US dollars as text; null for no limit. */
  maxCostUsd: string | null
  /** Names this call: a repeat within 24 hours answers the same job. */
  idempotencyKey: string | null
}

/** Items are rows, claimed a few at a time, so a large job needs no parts. */
const maxTargetCount = 50_000

/** More than any job can cost; fits the column. */
const maxMaxCostUsd = 1_000_000

const rules = z.object({
  jobType: z.string().trim().min(1).max(50),
  targetCount: z.number().int().min(1).max(maxTargetCount),
  platforms: z.array(z.custom<Platform>()).max(20),
  params: z.object({
    model: z.string().trim().min(1).max(100),
    llmKeyId: z.string().nullable(),
    temperature: z.number().min(0).max(2).nullable(),
    maxTokens: z.number().int().min(1).max(32_000).nullable(),
    promptTemplate: z
      .string()
      .trim()
      .min(1)
      .max(10_000)
      .refine((text) => text.includes('{topic}'), 'must say where the topic goes: {topic}'),
    topics: z.array(z.string().trim().min(1).max(500)).min(1).max(1_000),
    tone: z.string().trim().min(1).max(200).nullable(),
    includeHashtags: z.boolean(),
    includeEmojis: z.boolean(),
  }),
  maxCostUsd: z
    .string()
    .refine(
      (usd) => Number(usd) > 0 && Number(usd) <= maxMaxCostUsd,
      `must be above 0 and at most ${maxMaxCostUsd}`,
    )
    .nullable(),
  idempotencyKey: z.string().min(1).max(200).nullable(),
})

/** The rules that need no look at the database: the input with texts trimmed, or what is wrong with it. */
export function checkGenerationInput(
  input: GenerationInput,
  path: readonly string[],
): { data: GenerationInput | undefined; issues: FieldIssue[] } {
  const { data, issues } = check(rules, input, path)
  if (input.campaignSpaceId && !input.brandId) {
    // As for contents: what has no brand is everybody's.
    issues.push(issue([...path, 'brandId'], 'REQUIRED', 'is needed with a campaignSpaceId'))
  }
  return { data: data && { ...input, ...data }, issues }
}
