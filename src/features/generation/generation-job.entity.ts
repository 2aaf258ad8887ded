import { defineEntity, p } from '@mikro-orm/postgresql'
import type { ContentType, Platform } from '../content/content.entity.ts'
import type { ModelProvider } from '../../platform/models.ts'
import type { JobStatus } from '../tenancy/job.ts'

/** Why a job or one of its items came to nothing. */
export const generationErrorCodes = [
  'QUOTA_EXCEEDED',
  'COST_LIMIT_REACHED',
  'KEY_REJECTED',
  'KEY_SERVICE_UNAVAILABLE',
  'MODEL_REJECTED',
  'MODEL_UNAVAILABLE',
  'INVALID_OUTPUT',
  'BRAND_ADHERENCE',
  'STORAGE_UNAVAILABLE',
  'INTERNAL',
] as const
export type GenerationErrorCode = (typeof generationErrorCodes)[number]

/** What to write (E-150). */
export interface GenerationParams {
  temperature: number | null
  maxTokens: number | null
  /** `{topic}` stands where each item's topic goes. */
  promptTemplate: string
  topics: readonly string[]
  tone: string | null
  includeHashtags: boolean
  includeEmojis: boolean
}

export type AdherenceLevel = 'STRICT' | 'MODERATE' | 'LOOSE'

/** How closely items keep to their brand (E-150); the brand's own words are read when it runs. */
export interface BrandAdherence {
  level: AdherenceLevel
  enforceBrandVoice: boolean
  checkCompliance: boolean
}

export const GenerationJobSchema = defineEntity({
  name: 'GenerationJob',
  tableName: 'content_generation_jobs',
  properties: {
    tenantId: p.uuid().primary(),
    id: p.uuid().primary(),
    brandId: p.uuid().nullable(),
    campaignSpaceId: p.uuid().nullable(),
    /** Who asked for it. */
    userId: p.uuid().nullable(),
    /** Free text with well-known values. */
    jobType: p.text(),
    contentType: p.text().$type<ContentType>(),
    targetCount: p.integer(),
    platforms: p.array().$type<Platform[]>(),
    provider: p.text().$type<ModelProvider>(),
    model: p.text(),
    /** The tenant's own key; null for the platform's, or when it was deleted since. */
    llmKeyId: p.uuid().nullable(),
    ownKey: p.boolean(),
    generationParams: p.json<GenerationParams>(),
    brandAdherence: p.json<BrandAdherence>().nullable(),
    /** US dollars, six decimals, as text; null: no limit. */
    maxCostUsd: p.decimal('string').precision(14).scale(6).nullable(),
    estimatedItemBytes: p.bigint('number'),
    estimatedItemCostUsd: p.decimal('string').precision(14).scale(6),
    estimatedItemMs: p.integer(),
    status: p.text().$type<JobStatus>(),
    /** Items made so far. */
    progress: p.integer(),
    failedCount: p.integer(),
    /** Items that were not tried, because the job ended before. */
    skippedCount: p.integer(),
    errorCode: p.text().$type<GenerationErrorCode>().nullable(),
    errorMessage: p.text().nullable(),
    totalStorageBytes: p.bigint('number'),
    totalCostUsd: p.decimal('string').precision(14).scale(6),
    tokensIn: p.bigint('number'),
    tokensOut: p.bigint('number'),
    /** Of the tenant's feed: its last change that watchers are told. */
    sequence: p.bigint('number'),
    /** How often a worker has taken it up: the fence of whoever holds the lease. */
    attempts: p.integer(),
    leaseExpiresAt: p.datetime(3),
    /** Until then somebody watches the texts while they are being written. */
    partialTextUntil: p.datetime(3),
    /** When its open items were counted against the month. */
    countedAt: p.datetime(3),
    createdAt: p.datetime(3),
    startedAt: p.datetime(3).nullable(),
    completedAt: p.datetime(3).nullable(),
  },
})

/** A batch of contents that a model writes: what is true of it, whoever runs it. */
export class GenerationJob extends GenerationJobSchema.class {}
GenerationJobSchema.setClass(GenerationJob)

/** Nothing happens to such a job any more. */
export function isOver({ status }: Pick<GenerationJob, 'status'>): boolean {
  return ['completed', 'completed_with_errors', 'failed', 'cancelled'].includes(status)
}
