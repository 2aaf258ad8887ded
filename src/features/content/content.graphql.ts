import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { BrandNode, CampaignSpaceNode, TenantNode, UserNode } from '../tenancy/tenancy.graphql.ts'
import { mimeTypeOf, previewLength, shorten } from './body-text.ts'
import { ContentBodyObject, loadBody } from './content-body.graphql.ts'
import { ContentStatusEnum, ContentTypeEnum, PlatformEnum } from './content-enums.graphql.ts'
import type { Content } from './content.entity.ts'
import { loadContents, loadVersionsByNumber } from './content.loaders.ts'

export const ContentNode = builder.loadableNodeRef('Content', {
  id: { resolve: (content: Content) => content.id },
  load: (ids: string[], context) => loadContents(context, ids),
})

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

interface VersionKey {
  contentId: string
  number: number
}

/** Per key, when its version reached the recovery copy; null while it has not. */
async function loadBackupTimes(keys: readonly VersionKey[], context: Context) {
  const versions = await loadVersionsByNumber(context, keys)
  return versions.map((version) => version?.bigqueryBackedUpAt ?? null)
}

const currentVersion = ({ id, version }: Content): VersionKey => ({
  contentId: id,
  number: version,
})

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
    bigqueryBackedUp: t.loadable({
      type: 'Boolean',
      description: 'Whether the current version is in the recovery copy.',
      load: async (keys: VersionKey[], context) =>
        (await loadBackupTimes(keys, context)).map((time) => time !== null),
      resolve: currentVersion,
    }),
    bigqueryLastSyncAt: t.loadable({
      type: 'DateTime',
      nullable: true,
      load: (keys: VersionKey[], context) => loadBackupTimes(keys, context),
      resolve: currentVersion,
    }),
  }),
})

ContentNode.implement({
  description: 'A post, ad, article, video … of one tenant.',
  fields: (t) => ({
    databaseId: t.expose('id', { type: 'UUID' }),
    tenant: t.field({ type: TenantNode, resolve: ({ tenantId }) => tenantId }),
    brand: t.field({ type: BrandNode, nullable: true, resolve: ({ brandId }) => brandId }),
    campaignSpace: t.field({
      type: CampaignSpaceNode,
      nullable: true,
      resolve: ({ campaignSpaceId }) => campaignSpaceId,
    }),
    author: t.field({ type: UserNode, nullable: true, resolve: ({ userId }) => userId }),
    title: t.exposeString('title'),
    type: t.expose('contentType', { type: ContentTypeEnum }),
    status: t.expose('status', { type: ContentStatusEnum }),
    body: t.field({
      type: ContentBodyObject,
      nullable: true,
      directives: { semanticNonNull: {} },
      description: 'From ZeroDB, a page at a time; null with an error at its path when it is away.',
      resolve: (content, _args, context) => loadBody(content, context),
    }),
    preview: t.string({
      nullable: true,
      directives: { semanticNonNull: {} },
      description: 'The beginning of the body as plain text, at most 200 characters.',
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
    publishedAt: t.expose('publishedAt', { type: 'DateTime', nullable: true }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime' }),
    version: t.exposeInt('version'),
    storage: t.field({ type: ContentStorageObject, resolve: (content) => content }),
    externalRef: t.field({
      type: ExternalRefObject,
      nullable: true,
      resolve: ({ externalSystem, externalId }) =>
        externalSystem && externalId ? { system: externalSystem, id: externalId } : null,
    }),
    permissions: t.field({ type: ContentPermissionsObject, resolve: (content) => content }),
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
