import { badUserInput } from '../../graphql/bad-user-input.ts'
import { builder } from '../../graphql/builder.ts'
import { asListItem, ErrorInterface } from '../../graphql/errors.ts'
import { idOf } from '../../graphql/global-id.ts'
import {
  ConflictError,
  type DomainError,
  ForbiddenError,
  NotFoundError,
  StorageUnavailableError,
  ValidationError,
} from '../../lib/errors.ts'
import { QuotaExceededError } from '../quota/quota.errors.ts'
import { addQuotaField } from '../quota/quota.graphql.ts'
import {
  BodyFormatEnum,
  ContentStatusEnum,
  ContentTypeEnum,
  PlatformEnum,
} from './content-enums.graphql.ts'
import { ContentNode } from './content.graphql.ts'
import type { ContentInput } from './content-input.ts'
import { ExternalRefInput } from './content-where.graphql.ts'
import { createContent, createContents } from './create-contents.ts'
import { type ContentRef, findContent, upsertContent } from './upsert-content.ts'
import { isFailed, type WriteOutcome } from './write.ts'

const ContentBodyInput = builder.inputType('ContentBodyInput', {
  fields: (t) => ({
    format: t.field({ type: BodyFormatEnum, required: true, defaultValue: 'html' }),
    raw: t.string({ required: true }),
  }),
})

const CreateContentInput = builder.inputType('CreateContentInput', {
  fields: (t) => ({
    brandId: t.id(),
    campaignSpaceId: t.id(),
    title: t.string({ required: true }),
    body: t.field({ type: ContentBodyInput, required: true }),
    type: t.field({ type: ContentTypeEnum, required: true, defaultValue: 'post' }),
    status: t.field({ type: ContentStatusEnum, required: true, defaultValue: 'draft' }),
    platforms: t.field({ type: [PlatformEnum] }),
    tags: t.stringList(),
    hashtags: t.stringList(),
    mentions: t.stringList(),
    scheduledAt: t.field({ type: 'DateTime' }),
    metadata: t.field({ type: 'JSON', description: 'A JSON object of your own fields.' }),
    externalRef: t.field({ type: ExternalRefInput }),
    idempotencyKey: t.string({
      description: 'Names this call for 24 hours: a repeat has no second effect.',
    }),
  }),
})

const ContentRefInput = builder.inputType('ContentRef', {
  isOneOf: true,
  description: 'A content by its id, or by your own name for it.',
  fields: (t) => ({ id: t.id(), externalRef: t.field({ type: ExternalRefInput }) }),
})

function readRef(ref: typeof ContentRefInput.$inferInput): ContentRef {
  if (ref.id != null) return { id: idOf('Content', ref.id) }
  if (ref.externalRef) return { externalRef: ref.externalRef }
  throw badUserInput('A ContentRef names an id or an externalRef.')
}

function readInput(input: typeof CreateContentInput.$inferInput): ContentInput {
  return {
    brandId: input.brandId == null ? null : idOf('Brand', input.brandId),
    campaignSpaceId:
      input.campaignSpaceId == null ? null : idOf('CampaignSpace', input.campaignSpaceId),
    title: input.title,
    body: input.body,
    type: input.type,
    status: input.status,
    platforms: input.platforms ?? [],
    tags: input.tags ?? [],
    hashtags: input.hashtags ?? [],
    mentions: input.mentions ?? [],
    metadata: input.metadata ?? {},
    scheduledAt: input.scheduledAt ?? null,
    externalRef: input.externalRef ?? null,
    idempotencyKey: input.idempotencyKey ?? null,
  }
}

builder.queryField('content', (t) =>
  t.field({
    type: ContentNode,
    nullable: true,
    authScopes: { scope: 'CONTENT_READ' },
    args: { ref: t.arg({ type: ContentRefInput, required: true }) },
    resolve: (_root, { ref }, context) => findContent(context, readRef(ref)),
  }),
)

builder.objectType(ConflictError, {
  name: 'ConflictError',
  description: 'Another write came first, or the external reference is taken. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    currentVersion: t.exposeInt('currentVersion'),
    current: t.field({
      type: ContentNode,
      nullable: true,
      resolve: ({ contentId }) => contentId,
    }),
  }),
})

const ContentSuccessObject = builder.objectRef<{ contentId: string }>('ContentSuccess').implement({
  fields: (t) => ({
    content: t.field({ type: ContentNode, resolve: ({ contentId }) => contentId }),
  }),
})
addQuotaField(ContentSuccessObject)

const writeErrors = [
  ValidationError,
  ForbiddenError,
  ConflictError,
  QuotaExceededError,
  StorageUnavailableError,
]

builder.mutationField('createContent', (t) =>
  t.field({
    type: ContentSuccessObject,
    authScopes: { scope: 'CONTENT_WRITE' },
    errors: { types: writeErrors, union: { name: 'CreateContentResult' } },
    args: { input: t.arg({ type: CreateContentInput, required: true }) },
    resolve: async (_root, { input }, context) => ({
      contentId: await createContent(context, readInput(input)),
    }),
  }),
)

builder.mutationField('upsertContent', (t) =>
  t.field({
    type: ContentSuccessObject,
    description: 'Creates the content, or adds a version if anything differs from the current one.',
    authScopes: { scope: 'CONTENT_WRITE' },
    errors: { types: [...writeErrors, NotFoundError], union: { name: 'UpdateContentResult' } },
    args: {
      ref: t.arg({ type: ContentRefInput, required: true }),
      input: t.arg({ type: CreateContentInput, required: true }),
    },
    resolve: async (_root, { ref, input }, context) => ({
      contentId: await upsertContent(context, readRef(ref), readInput(input)),
    }),
  }),
)

const BatchItemResultObject = builder
  .objectRef<{ index: number; outcome: WriteOutcome }>('BatchItemResult')
  .implement({
    fields: (t) => ({
      index: t.exposeInt('index'),
      content: t.field({
        type: ContentNode,
        nullable: true,
        resolve: ({ outcome }) => (isFailed(outcome) ? null : outcome.contentId),
      }),
      errors: t.field({
        type: [ErrorInterface],
        resolve: ({ outcome }): DomainError[] =>
          isFailed(outcome) ? [asListItem(outcome.error)] : [],
      }),
    }),
  })

const ContentBatchSuccessObject = builder
  .objectRef<{ outcomes: readonly WriteOutcome[] }>('ContentBatchSuccess')
  .implement({
    fields: (t) => ({
      succeeded: t.int({
        resolve: ({ outcomes }) => outcomes.filter((outcome) => !isFailed(outcome)).length,
      }),
      failed: t.int({ resolve: ({ outcomes }) => outcomes.filter(isFailed).length }),
      results: t.field({
        type: [BatchItemResultObject],
        resolve: ({ outcomes }) => outcomes.map((outcome, index) => ({ index, outcome })),
      }),
    }),
  })
addQuotaField(ContentBatchSuccessObject)

const BatchErrorPolicyEnum = builder.enumType('BatchErrorPolicy', {
  description: 'REJECT_ALL: one bad item and nothing is changed. REJECT_FAILED: the good ones are.',
  values: ['REJECT_ALL', 'REJECT_FAILED'] as const,
})

/** One transaction and its locks cover a whole batch, so batches stay small. */
const maxBatchSize = 100

builder.mutationField('createContents', (t) =>
  t.field({
    type: ContentBatchSuccessObject,
    authScopes: { scope: 'CONTENT_WRITE' },
    errors: { types: writeErrors, union: { name: 'ContentBatchResult' } },
    args: {
      inputs: t.arg({ type: [CreateContentInput], required: true }),
      errorPolicy: t.arg({
        type: BatchErrorPolicyEnum,
        required: true,
        defaultValue: 'REJECT_ALL',
      }),
    },
    resolve: async (_root, { inputs, errorPolicy }, context) => {
      if (inputs.length > maxBatchSize) {
        throw badUserInput(`inputs takes at most ${maxBatchSize} contents.`)
      }
      return { outcomes: await createContents(context, inputs.map(readInput), errorPolicy) }
    },
  }),
)
