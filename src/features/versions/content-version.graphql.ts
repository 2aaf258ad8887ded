import { createContextCache } from '@pothos/core'
import DataLoader from 'dataloader'
import { GraphQLError } from 'graphql'
import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { UserNode } from '../tenancy/tenancy.graphql.ts'
import {
  type BodyRef,
  ContentBodyObject,
  loadBody,
  switchedOff,
} from '../content/content-body.graphql.ts'
import { ContentStatusEnum, VersionChangeTypeEnum } from '../content/content-enums.graphql.ts'
import { ContentNode } from '../content/content.graphql.ts'
import {
  loadVersions,
  loadVersionsByNumber,
  type RetainedVersion,
  type VersionKey,
} from './content-version.loaders.ts'
import type { HistoryEntry } from '../content/documents.ts'
import type { Snapshot } from '../content/snapshot.ts'
import { readHistory } from './read-history.ts'
import { versionRetentions } from './version-retention.ts'

export const ContentVersionNode = builder.loadableNodeRef('ContentVersion', {
  id: { resolve: (version: RetainedVersion) => version.id },
  load: (ids: string[], context) => loadVersions(context, ids),
})

/** Versions by content and number: whichever fields ask, a page of them is one statement. */
export const versionsByNumber = createContextCache(
  (context: Context) =>
    new DataLoader<VersionKey, RetainedVersion | null, string>(
      (keys) => loadVersionsByNumber(context, keys),
      { cacheKeyFn: ({ contentId, number }) => `${contentId}:${number}` },
    ),
)

/** Summary, diff and snapshot are one row: whichever fields ask, a page of them is one request. */
const history = createContextCache(
  (context: Context) =>
    new DataLoader<RetainedVersion, HistoryEntry | null, string>(
      (versions) => readHistory(context, versions),
      { cacheKeyFn: ({ id }) => id },
    ),
)

/** The heavy half of a version; null when no store has it. */
function findHistory(version: RetainedVersion, context: Context): Promise<HistoryEntry | null> {
  if (version.expiredAt) throw expired(version, version.expiredAt)
  if (context.viewer.readMode === 'metadata_only') throw switchedOff()
  return history(context).load(version)
}

/** What a version looked like. */
export async function getSnapshot(version: RetainedVersion, context: Context): Promise<Snapshot> {
  const entry = await findHistory(version, context)
  if (entry) return entry.snapshot
  throw new GraphQLError('The history entry is missing from the content store.', {
    extensions: { code: 'CONTENT_HISTORY_MISSING' },
  })
}

function expired({ versionNumber, retentionDays }: RetainedVersion, at: Date): GraphQLError {
  const kept = retentionDays === null ? 'for ever' : `for ${retentionDays} days`
  return new GraphQLError(
    `Version ${versionNumber} expired at ${at.toISOString()}. Your plan keeps earlier versions ${kept}, the latest 100 of a content at most; pinned ones stay.`,
    { extensions: { code: 'CONTENT_VERSION_EXPIRED', expiredAt: at.toISOString() } },
  )
}

/** Where the body of a snapshot is. */
export function bodyRefOf({ body }: Snapshot, version: RetainedVersion): BodyRef {
  return {
    id: version.contentId,
    version: version.versionNumber,
    zerodbId: body.document_id,
    sha256: body.sha256,
    storageSizeBytes: body.size_bytes,
    bodyFormat: body.format,
    updatedAt: version.createdAt,
  }
}

const ContentSnapshotObject = builder
  .objectRef<{ snapshot: Snapshot; version: RetainedVersion }>('ContentSnapshot')
  .implement({
    description: 'What a content looked like at one version.',
    fields: (t) => ({
      title: t.string({ resolve: ({ snapshot }) => snapshot.title }),
      status: t.field({
        type: ContentStatusEnum,
        resolve: ({ snapshot }) => snapshot.status,
      }),
      metadata: t.field({
        type: 'JSON',
        nullable: true,
        resolve: ({ snapshot }) => snapshot.metadata,
      }),
      body: t.field({
        type: ContentBodyObject,
        nullable: true,
        directives: { semanticNonNull: {}, cost: { weight: '2' } },
        resolve: ({ snapshot, version }, _args, context) =>
          loadBody(bodyRefOf(snapshot, version), context),
      }),
    }),
  })

export const VersionRetentionEnum = builder.enumType('VersionRetention', {
  description:
    'HOT: kept. PINNED: kept whatever the plan says. EXPIRING: its time ends within 7 days. EXPIRED: what it looked like is gone.',
  values: versionRetentions,
})

ContentVersionNode.implement({
  description: 'One version of a content. What it looked like is loaded only when asked for.',
  // On the type, because `node` reaches it too.
  authScopes: { scope: 'VERSION_READ' },
  fields: (t) => ({
    content: t.field({ type: ContentNode, resolve: ({ contentId }) => contentId }),
    versionNumber: t.exposeInt('versionNumber'),
    changeType: t.expose('changeType', { type: VersionChangeTypeEnum }),
    changedBy: t.field({
      type: UserNode,
      nullable: true,
      resolve: ({ changedByUserId }) => changedByUserId,
    }),
    sizeBytes: t.expose('sizeBytes', { type: 'BigInt' }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    retention: t.expose('retention', { type: VersionRetentionEnum }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When it expires, or did. Null for the current version, for pinned ones, and where the plan keeps all. Whatever the plan, a content keeps its latest 100 unpinned versions at most.',
    }),
    restoredFrom: t.field({
      type: ContentVersionNode,
      nullable: true,
      description: 'The version whose state this one repeats.',
      resolve: ({ contentId, restoredFrom: number }, _args, context) =>
        number == null ? null : versionsByNumber(context).load({ contentId, number }),
    }),
    changesSummary: t.string({
      nullable: true,
      resolve: async (version, _args, context) => (await findHistory(version, context))?.summary,
    }),
    diffFromPrevious: t.field({
      type: 'JSONPatch',
      nullable: true,
      description: 'RFC 6902, as stored; null for the first version.',
      resolve: async (version, _args, context) => (await findHistory(version, context))?.diff,
    }),
    snapshot: t.field({
      type: ContentSnapshotObject,
      nullable: true,
      directives: { semanticNonNull: {}, cost: { weight: '2' } },
      resolve: async (version, _args, context) => ({
        snapshot: await getSnapshot(version, context),
        version,
      }),
    }),
  }),
})
