import { defineEntity, p } from '@mikro-orm/postgresql'

export const contentTypes = [
  'post',
  'story',
  'ad',
  'article',
  'tweet',
  'image',
  'video',
  'carousel',
  'reel',
  'document',
] as const
export type ContentType = (typeof contentTypes)[number]

export const contentStatuses = ['draft', 'published', 'archived', 'scheduled'] as const
export type ContentStatus = (typeof contentStatuses)[number]

export const bodyFormats = ['html', 'text', 'markdown', 'json'] as const
export type BodyFormat = (typeof bodyFormats)[number]

export const platforms = [
  'instagram',
  'facebook',
  'twitter',
  'linkedin',
  'tiktok',
  'youtube',
  'google_ads',
  'meta_ads',
  'web',
  'email',
  'other',
] as const
export type Platform = (typeof platforms)[number]

export const ContentSchema = defineEntity({
  name: 'Content',
  tableName: 'content_items',
  properties: {
    tenantId: p.uuid().primary(),
    id: p.uuid().primary(),
    brandId: p.uuid().nullable(),
    campaignSpaceId: p.uuid().nullable(),
    /** The author. */
    userId: p.uuid().nullable(),
    title: p.text(),
    contentType: p.text().$type<ContentType>(),
    status: p.text().$type<ContentStatus>(),
    platforms: p.array().$type<Platform[]>(),
    tags: p.array(),
    hashtags: p.array(),
    mentions: p.array(),
    mediaUrls: p.array(),
    metadata: p.json<Record<string, unknown>>(),
    /** The first 200 characters of the body as plain text (E-083); survives every outage. */
    preview: p.text(),
    bodyFormat: p.text().$type<BodyFormat>(),
    /** When the scheduler publishes it; set while the status is `scheduled`. */
    scheduledAt: p.datetime(3).nullable(),
    /** When the scheduler takes it offline again. */
    unpublishAt: p.datetime(3).nullable(),
    publishedAt: p.datetime(3).nullable(),
    /** The caller's own name for it: a system and an id in it, unique among live contents. */
    externalSystem: p.text().nullable(),
    externalId: p.text().nullable(),
    /** The current body document in ZeroDB; immutable, so this id is also the cache key. */
    zerodbId: p.uuid(),
    version: p.integer(),
    /** The content this one was made from. */
    versionOf: p.uuid().nullable(),
    /** Of the body in UTF-8, before compression: what the quota counts (E-134). */
    storageSizeBytes: p.bigint('number'),
    compressedSizeBytes: p.bigint('number').nullable(),
    bodyEncoding: p.text(),
    sha256: p.text(),
    createdAt: p.datetime(3),
    updatedAt: p.datetime(3),
    deletedAt: p.datetime(3).nullable(),
  },
})

/** A row per content: what is true. The body lives in ZeroDB under `zerodbId`. */
export class Content extends ContentSchema.class {}
ContentSchema.setClass(Content)
