import { createContextCache } from '@pothos/core'
import DataLoader from 'dataloader'
import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { NotFoundError } from '../../lib/errors.ts'
import { BrandNode, CampaignSpaceNode, TenantNode, UserNode } from '../tenancy/tenancy.graphql.ts'
import { mimeTypeOf, previewLength, shorten } from './body-text.ts'
import { bodyColumns, ContentBodyObject, loadCurrentBody } from './content-body.graphql.ts'
import { ContentStatusEnum, ContentTypeEnum, PlatformEnum } from './content-enums.graphql.ts'
import type { Content } from './content.entity.ts'
import { loadBackupTimes, loadContents, loadTrashTimes } from './content.loaders.ts'
import { findQueuedIds } from './queued-documents.ts'
import type { ContentColumn } from './list-contents.ts'
import type { ReadsColumns } from './requested-columns.graphql.ts'

export const ContentNode = builder.loadableNodeRef('Content', {
  id: { resolve: (content: Content) => content.id },
  // What is in the trash has its id too, and a Studio that shows the trash asks by it.
  load: (ids: string[], context) => loadContents(context, ids, 'INCLUDE'),
})

/** Rows as they are at this moment, whatever this operation has read of them before. */
const fresh = createContextCache(
  (context: Context) =>
    new DataLoader<string, Content | null>((ids) => loadContents(context, ids, 'INCLUDE'), {
      cache: false,
    }),
)

/** A content as it is now, if it is within reach; what was loaded of it before is forgotten. */
export async function loadFresh(context: Context, id: string): Promise<Content | null> {
  const content = await fresh(context).load(id)
  const loader = ContentNode.getDataloader(context).clear(id)
  if (content) loader.prime(id, content)
  return content
}

/** The same for a content that this viewer has just written, even one they may not read as a draft. */
export async function loadWritten(context: Context, id: string): Promise<Content> {
  const content = (await loadFresh(context, id)) ?? (await loadOwnDraft(context, id))
  if (!content) throw new NotFoundError('Content')
  return content
}

async function loadOwnDraft(context: Context, id: string): Promise<Content | null> {
  const scopes = new Set([...context.viewer.scopes, 'CONTENT_READ_DRAFT' as const])
  const viewer = { ...context.viewer, scopes }
  const [content] = await loadContents({ ...context, viewer }, [id], 'INCLUDE')
  return content ?? null
}

const ExternalRefObject = builder
  .objectRef<{ system: string; id: string }>('ExternalRef')
  .implement({
    description: "The caller's own name for a content: a system, and an id in it.",
    fields: (t) => ({ system: t.exposeString('system'), id: t.exposeString('id') }),
  })

const ContentPermissionsObject = builder.objectRef<Content>('ContentPermissions').implement({
  description: 'What you may do with this content.',
  fields: (t) => ({
    canEdit: t.boolean({
      resolve: (_content, _args, { viewer }) => viewer.scopes.has('CONTENT_WRITE'),
    }),
    canPublish: t.boolean({
      resolve: (_content, _args, { viewer }) => viewer.scopes.has('CONTENT_PUBLISH'),
    }),
    canDelete: t.boolean({
      resolve: (_content, _args, { viewer }) => viewer.scopes.has('CONTENT_DELETE'),
    }),
    canRestore: t.boolean({
      resolve: (_content, _args, { viewer }) => viewer.scopes.has('VERSION_RESTORE'),
    }),
  }),
})

/** Which columns a resolver reads; one that does not say so gets all of them, and makes the page dearer. */
function reads(...columns: ContentColumn[]): ReadsColumns {
  return { reads: columns }
}

const StorageStateEnum = builder.enumType('StorageState', { values: ['STORED', 'QUEUED'] as const })

async function loadStorageStates(context: Context, documentIds: readonly string[]) {
  const queued = await findQueuedIds(context, documentIds)
  return documentIds.map((id) => (queued.has(id) ? 'QUEUED' : 'STORED'))
}

const ContentStorageObject = builder.objectRef<Content>('ContentStorage').implement({
  description: 'How and where the body is kept.',
  fields: (t) => ({
    sizeBytes: t.expose('storageSizeBytes', { type: 'BigInt' }),
    compressedSizeBytes: t.expose('compressedSizeBytes', { type: 'BigInt', nullable: true }),
    mimeType: t.string({ resolve: ({ bodyFormat }) => mimeTypeOf(bodyFormat) }),
    encoding: t.exposeString('bodyEncoding'),
    zerodbId: t.exposeString('zerodbId'),
    countsTowardQuotaBytes: t.expose('storageSizeBytes', { type: 'BigInt' }),
    checksum: t.exposeString('sha256', { description: 'SHA-256 of the raw body, hex.' }),
    state: t.loadable({
      type: StorageStateEnum,
      description: 'QUEUED while the body waits in PostgreSQL for ZeroDB to come back.',
      load: (ids: string[], context) => loadStorageStates(context, ids),
      resolve: ({ zerodbId }) => zerodbId,
    }),
    bigqueryBackedUp: t.loadable({
      type: 'Boolean',
      description: 'Whether the current version is in the recovery copy.',
      load: async (ids: string[], context) =>
        (await loadBackupTimes(context, ids)).map((time) => time !== null),
      resolve: ({ id }) => id,
    }),
    bigqueryLastSyncAt: t.loadable({
      type: 'DateTime',
      nullable: true,
      load: (ids: string[], context) => loadBackupTimes(context, ids),
      resolve: ({ id }) => id,
    }),
  }),
})

ContentNode.implement({
  description: 'A post, ad, article, video … of one tenant.',
  fields: (t) => ({
    databaseId: t.expose('id', { type: 'UUID' }),
    tenant: t.field({
      type: TenantNode,
      extensions: reads('tenantId'),
      resolve: ({ tenantId }) => tenantId,
    }),
    brand: t.field({
      type: BrandNode,
      nullable: true,
      extensions: reads('brandId'),
      resolve: ({ brandId }) => brandId,
    }),
    campaignSpace: t.field({
      type: CampaignSpaceNode,
      nullable: true,
      extensions: reads('campaignSpaceId'),
      resolve: ({ campaignSpaceId }) => campaignSpaceId,
    }),
    author: t.field({
      type: UserNode,
      nullable: true,
      extensions: reads('userId'),
      resolve: ({ userId }) => userId,
    }),
    title: t.exposeString('title'),
    type: t.expose('contentType', { type: ContentTypeEnum }),
    status: t.expose('status', { type: ContentStatusEnum }),
    body: t.field({
      type: ContentBodyObject,
      nullable: true,
      directives: { semanticNonNull: {}, cost: { weight: '2' } },
      extensions: reads(...bodyColumns),
      description:
        'From ZeroDB, a page at a time; while it is away from the recovery copy, see `provenance`. Null with an error at its path when it cannot be had.',
      resolve: (content, _args, context) => loadCurrentBody(content, context),
    }),
    preview: t.string({
      nullable: true,
      directives: { semanticNonNull: {} },
      description: 'The beginning of the body as plain text, at most 200 characters.',
      extensions: reads('preview'),
      args: { maxLength: t.arg.int({ required: true, defaultValue: previewLength }) },
      resolve: ({ preview }, { maxLength }) => shorten(preview, Math.max(0, maxLength)),
    }),
    platforms: t.expose('platforms', { type: [PlatformEnum] }),
    tags: t.exposeStringList('tags'),
    hashtags: t.exposeStringList('hashtags'),
    mentions: t.exposeStringList('mentions'),
    mediaUrls: t.expose('mediaUrls', { type: ['URL'] }),
    metadata: t.field({
      type: 'JSON',
      nullable: true,
      description: 'Your own fields; all of them, or those named in `keys`.',
      args: { keys: t.arg.stringList() },
      resolve: ({ metadata }, { keys }) =>
        keys
          ? Object.fromEntries(
              keys.map((key) => [key, Object.hasOwn(metadata, key) ? metadata[key] : null]),
            )
          : metadata,
    }),
    scheduledAt: t.expose('scheduledAt', { type: 'DateTime', nullable: true }),
    unpublishAt: t.expose('unpublishAt', { type: 'DateTime', nullable: true }),
    publishedAt: t.expose('publishedAt', { type: 'DateTime', nullable: true }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime' }),
    deletedAt: t.expose('deletedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when it is in the trash.',
    }),
    recoverableUntil: t.loadable({
      type: 'DateTime',
      nullable: true,
      description: 'How long it stays in the trash; null when it is not there, or stays for ever.',
      load: async (ids: string[], context) =>
        (await loadTrashTimes(context, ids)).map((times) => times?.recoverableUntil ?? null),
      resolve: ({ id, deletedAt }) => (deletedAt ? id : null),
    }),
    version: t.exposeInt('version'),
    storage: t.field({ type: ContentStorageObject, resolve: (content) => content }),
    externalRef: t.field({
      type: ExternalRefObject,
      nullable: true,
      resolve: ({ externalSystem, externalId }) =>
        externalSystem && externalId ? { system: externalSystem, id: externalId } : null,
    }),
    permissions: t.field({
      type: ContentPermissionsObject,
      extensions: reads(),
      resolve: (content) => content,
    }),
  }),
})

builder.objectField(ContentNode, 'versionOf', (t) =>
  t.field({
    type: ContentNode,
    nullable: true,
    description: 'The content this one was made from.',
    resolve: ({ versionOf }) => versionOf,
  }),
)
