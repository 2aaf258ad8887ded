import { badUserInput } from '../../graphql/bad-user-input.ts'
import { builder } from '../../graphql/builder.ts'
import { idOf } from '../../graphql/global-id.ts'
import {
  BodyFormatEnum,
  ContentStatusEnum,
  ContentTypeEnum,
  PlatformEnum,
} from '../content/content-enums.graphql.ts'
import type { ContentInput } from './content-input.ts'
import { ExternalRefInput } from '../content/content-where.graphql.ts'
import type { ContentRef } from '../content/content-ref.loaders.ts'
import type { UpdateInput } from './update-contents.ts'
import type { OnUnavailable } from '../writing/write.ts'

const keyDescription = 'Names this call for 24 hours: a repeat has no second effect.'

const ContentBodyInput = builder.inputType('ContentBodyInput', {
  fields: (t) => ({
    format: t.field({ type: BodyFormatEnum, required: true, defaultValue: 'html' }),
    raw: t.string({ required: true }),
  }),
})

const OnUnavailableEnum = builder.enumType('OnUnavailable', {
  description:
    'What a write does while ZeroDB cannot take its documents. FAIL: nothing, with a StorageUnavailableError. QUEUE: PostgreSQL keeps them until ZeroDB can; the content is there and counted at once.',
  values: ['FAIL', 'QUEUE'] as const,
})

export const CreateContentInput = builder.inputType('CreateContentInput', {
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
    onUnavailable: t.field({ type: OnUnavailableEnum, required: true, defaultValue: 'FAIL' }),
    idempotencyKey: t.string({ description: keyDescription }),
  }),
})

export const ContentRefInput = builder.inputType('ContentRef', {
  isOneOf: true,
  description: 'A content by its id, or by your own name for it.',
  fields: (t) => ({ id: t.id(), externalRef: t.field({ type: ExternalRefInput }) }),
})

export const UpdateContentInput = builder.inputType('UpdateContentInput', {
  description:
    'What is left out, or null, stays as it is; an empty list clears a list, and `scheduledAt: null` the date.',
  fields: (t) => ({
    ref: t.field({ type: ContentRefInput, required: true }),
    expectedVersion: t.int({
      description: 'The version you have seen: if there is a later one by now, nothing is changed.',
    }),
    title: t.string(),
    body: t.field({ type: ContentBodyInput }),
    status: t.field({ type: ContentStatusEnum }),
    platforms: t.field({ type: [PlatformEnum] }),
    tags: t.stringList(),
    hashtags: t.stringList(),
    mentions: t.stringList(),
    scheduledAt: t.field({ type: 'DateTime' }),
    metadata: t.field({ type: 'JSON', description: 'A JSON object that replaces all of yours.' }),
    metadataPatch: t.field({
      type: 'JSONPatch',
      description:
        'RFC 6902 operations on your metadata, e.g. `[{op: "add", path: "/a", value: 1}]`.',
    }),
    changesSummary: t.string({
      description: 'One line for the history; made from the changes when left out.',
    }),
    onUnavailable: t.field({ type: OnUnavailableEnum, required: true, defaultValue: 'FAIL' }),
    idempotencyKey: t.string({ description: keyDescription }),
  }),
})

/** The arguments of every mutation of one content as a whole. */
export const changeArguments = builder.args((t) => ({
  ref: t.field({ type: ContentRefInput, required: true }),
  expectedVersion: t.int({
    description: 'The version you have seen: if there is a later one by now, nothing is changed.',
  }),
  onUnavailable: t.field({ type: OnUnavailableEnum, required: true, defaultValue: 'FAIL' }),
  idempotencyKey: t.string({ description: keyDescription }),
}))

/** The same as use cases take them. */
export function readChangeArguments(args: {
  ref: typeof ContentRefInput.$inferInput
  expectedVersion?: number | null | undefined
  onUnavailable: OnUnavailable
  idempotencyKey?: string | null | undefined
}) {
  return {
    ref: readRef(args.ref),
    expectedVersion: args.expectedVersion ?? null,
    onUnavailable: args.onUnavailable,
    idempotencyKey: args.idempotencyKey ?? null,
  }
}

export function readRef(ref: typeof ContentRefInput.$inferInput): ContentRef {
  if (ref.id != null) return { id: idOf('Content', ref.id) }
  if (ref.externalRef) return { externalRef: ref.externalRef }
  throw badUserInput('A ContentRef names an id or an externalRef.')
}

export function readInput(input: typeof CreateContentInput.$inferInput): ContentInput {
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
    onUnavailable: input.onUnavailable,
    idempotencyKey: input.idempotencyKey ?? null,
  }
}

export function readUpdate(input: typeof UpdateContentInput.$inferInput): UpdateInput {
  const { title, body, status, platforms, tags, hashtags, mentions, metadata } = input
  return {
    ref: readRef(input.ref),
    expectedVersion: input.expectedVersion ?? null,
    fields: {
      ...given({ title, body, status, platforms, tags, hashtags, mentions, metadata }),
      ...(input.scheduledAt !== undefined && { scheduledAt: input.scheduledAt }),
    },
    metadataPatch: input.metadataPatch ?? null,
    changesSummary: input.changesSummary ?? null,
    onUnavailable: input.onUnavailable,
    idempotencyKey: input.idempotencyKey ?? null,
  }
}

/** Without what was left out or null. */
function given<T extends object>(fields: T) {
  const entries = Object.entries(fields).filter(([, value]) => value != null)
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> }
}
