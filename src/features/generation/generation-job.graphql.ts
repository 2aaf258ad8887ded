import { builder } from '../../graphql/builder.ts'
import { ContentNode } from '../content/content.graphql.ts'
import { ContentTypeEnum, PlatformEnum } from '../content/content-enums.graphql.ts'
import { QuotaProjectionObject } from '../quota/quota.graphql.ts'
import { JobInterface } from '../tenancy/job.graphql.ts'
import { BrandNode, CampaignSpaceNode, TenantNode } from '../tenancy/tenancy.graphql.ts'
import { type GenerationItem, itemStates, type ItemState } from './generation-item.entity.ts'
import {
  type BrandAdherence,
  type GenerationJob,
  generationErrorCodes,
} from './generation-job.entity.ts'
import { loadGenerationJobs } from './generation-job.loaders.ts'
import { estimatedCompletionAt, projectJob } from './job-progress.ts'
import { timesUsd } from './usd.ts'

export const JobItemStatusEnum = builder.enumType('JobItemStatus', {
  description: 'SKIPPED: not tried, because the job ended before.',
  values: Object.fromEntries(
    itemStates.map((state) => [state.toUpperCase(), { value: state }]),
  ) as Record<Uppercase<ItemState>, { value: ItemState }>,
})

const GenerationErrorCodeEnum = builder.enumType('GenerationErrorCode', {
  description: 'Why a job or one of its items came to nothing.',
  values: generationErrorCodes,
})

export const AdherenceLevelEnum = builder.enumType('AdherenceLevel', {
  values: ['STRICT', 'MODERATE', 'LOOSE'] as const,
})

const GenerationParamsObject = builder.objectRef<GenerationJob>('GenerationParams').implement({
  fields: (t) => ({
    model: t.exposeString('model'),
    temperature: t.float({
      nullable: true,
      resolve: ({ generationParams }) => generationParams.temperature,
    }),
    maxTokens: t.int({
      nullable: true,
      resolve: ({ generationParams }) => generationParams.maxTokens,
    }),
    promptTemplate: t.string({
      resolve: ({ generationParams }) => generationParams.promptTemplate,
    }),
    topics: t.stringList({ resolve: ({ generationParams }) => generationParams.topics }),
    tone: t.string({ nullable: true, resolve: ({ generationParams }) => generationParams.tone }),
    includeHashtags: t.boolean({
      resolve: ({ generationParams }) => generationParams.includeHashtags,
    }),
    includeEmojis: t.boolean({ resolve: ({ generationParams }) => generationParams.includeEmojis }),
  }),
})

const BrandAdherenceObject = builder.objectRef<BrandAdherence>('BrandAdherence').implement({
  description: 'How closely items keep to the voice and the forbidden words of their brand.',
  fields: (t) => ({
    level: t.expose('level', { type: AdherenceLevelEnum }),
    enforceBrandVoice: t.exposeBoolean('enforceBrandVoice'),
    checkCompliance: t.exposeBoolean('checkCompliance'),
  }),
})

export const GenerationJobItemObject = builder
  .objectRef<GenerationItem>('GenerationJobItem')
  .implement({
    description: 'One content of a generation job.',
    fields: (t) => ({
      index: t.exposeInt('seq', { description: 'From zero.' }),
      status: t.expose('state', { type: JobItemStatusEnum }),
      topic: t.exposeString('topic'),
      content: t.field({
        type: ContentNode,
        nullable: true,
        description: 'Once it is STORED, while it is there and within your reach.',
        resolve: ({ state, contentId }) => (state === 'stored' ? contentId : null),
      }),
      errorCode: t.expose('errorCode', { type: GenerationErrorCodeEnum, nullable: true }),
      errorMessage: t.exposeString('errorMessage', { nullable: true }),
      flags: t.exposeStringList('flags', {
        description: 'In what it does not keep to its brand, though it was stored.',
      }),
      tokensIn: t.expose('tokensIn', { type: 'BigInt' }),
      tokensOut: t.expose('tokensOut', { type: 'BigInt' }),
      costUsd: t.expose('costUsd', { type: 'Decimal', description: 'Of all attempts.' }),
      attempts: t.exposeInt('attempt', { description: 'How often a worker has taken it up.' }),
    }),
  })

export const GenerationJobNode = builder.loadableNodeRef('GenerationJob', {
  id: { resolve: (job: GenerationJob) => job.id },
  load: (ids: string[], context) => loadGenerationJobs(context, ids),
})

GenerationJobNode.implement({
  description: 'A batch of contents that a model writes.',
  interfaces: [JobInterface],
  // What it writes are drafts. Who may start jobs sees how they go in any case.
  authScopes: (_job, { viewer }) =>
    viewer.scopes.has('GENERATE') || { scope: 'CONTENT_READ_DRAFT' as const },
  fields: (t) => ({
    databaseId: t.expose('id', { type: 'UUID' }),
    estimatedCompletionAt: t.field({
      type: 'DateTime',
      nullable: true,
      resolve: (job) => estimatedCompletionAt(job, new Date()),
    }),
    message: t.string({ description: 'How it stands, for people.', resolve: messageOf }),
    errorCode: t.expose('errorCode', { type: GenerationErrorCodeEnum, nullable: true }),
    failedCount: t.exposeInt('failedCount'),
    skippedCount: t.exposeInt('skippedCount', {
      description: 'Items that were not tried, because the job ended before.',
    }),
    tenant: t.field({ type: TenantNode, resolve: ({ tenantId }) => tenantId }),
    brand: t.field({ type: BrandNode, nullable: true, resolve: ({ brandId }) => brandId }),
    campaignSpace: t.field({
      type: CampaignSpaceNode,
      nullable: true,
      resolve: ({ campaignSpaceId }) => campaignSpaceId,
    }),
    jobType: t.exposeString('jobType'),
    contentType: t.expose('contentType', { type: ContentTypeEnum }),
    platforms: t.expose('platforms', { type: [PlatformEnum] }),
    params: t.field({ type: GenerationParamsObject, resolve: (job) => job }),
    brandAdherence: t.expose('brandAdherence', { type: BrandAdherenceObject, nullable: true }),
    estimatedStorageBytes: t.field({
      type: 'BigInt',
      description: 'Of all items, as estimated when the job was asked for.',
      resolve: ({ estimatedItemBytes, targetCount }) => estimatedItemBytes * targetCount,
    }),
    estimatedCostUsd: t.field({
      type: 'Decimal',
      description: 'The same; 0 for a model without a known price.',
      resolve: ({ estimatedItemCostUsd, targetCount }) =>
        timesUsd(estimatedItemCostUsd, targetCount),
    }),
    maxCostUsd: t.expose('maxCostUsd', {
      type: 'Decimal',
      nullable: true,
      description: 'The job stops before it costs more.',
    }),
    totalStorageBytes: t.expose('totalStorageBytes', { type: 'BigInt' }),
    totalCostUsd: t.expose('totalCostUsd', {
      type: 'Decimal',
      description: 'What the calls have cost so far, useless ones too.',
    }),
    tokensIn: t.expose('tokensIn', { type: 'BigInt' }),
    tokensOut: t.expose('tokensOut', { type: 'BigInt' }),
    quotaCheck: t.field({
      type: QuotaProjectionObject,
      description: 'What storing the items still to come would mean.',
      resolve: (job, _args, { reads }) => projectJob(reads, job),
    }),
    ownKey: t.exposeBoolean('ownKey', { description: "With the tenant's own key to the model." }),
    attempts: t.exposeInt('attempts', { description: 'How often a worker has taken it up.' }),
    leaseExpiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Until when its worker is waited for; null when it has none.',
      // Minus infinity, where nobody has it, is no date.
      resolve: ({ leaseExpiresAt }) => (leaseExpiresAt.getTime() > 0 ? leaseExpiresAt : null),
    }),
  }),
})

/** How a job stands, as a sentence for people (E-090). */
export function messageOf({ status, progress, targetCount, failedCount }: GenerationJob): string {
  const made = `${progress} out of ${targetCount} items were generated`
  switch (status) {
    case 'pending':
      return 'The job waits for a worker.'
    case 'running':
      return `${made} so far.`
    case 'cancelling':
      return `The job is being cancelled. ${made} so far; what is being written may still be stored.`
    case 'cancelled':
      return `Job cancelled. ${made} before cancellation.`
    case 'completed':
      return `All ${targetCount} items were generated.`
    case 'completed_with_errors':
      return `${made}; ${failedCount} failed. retryGenerationJob tries the rest again.`
    case 'failed':
      return `The job failed. ${made} before that. retryGenerationJob tries the rest again.`
  }
}
