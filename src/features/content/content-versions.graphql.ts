import { createContextCache } from '@pothos/core'
import DataLoader from 'dataloader'
import { GraphQLError } from 'graphql'
import { builder } from '../../graphql/builder.ts'
import { connectionOf, type Page } from '../../graphql/connection.ts'
import type { Context } from '../../graphql/context.ts'
import { readPageArguments } from '../../graphql/page-arguments.ts'
import { decodeCursor, encodeCursor, InvalidCursorError } from '../../lib/cursor.ts'
import { UserNode } from '../tenancy/tenancy.graphql.ts'
import { ContentBodyObject, loadBody } from './content-body.graphql.ts'
import { ContentStatusEnum, VersionChangeTypeEnum } from './content-enums.graphql.ts'
import { ContentNode } from './content.graphql.ts'
import {
  loadHistory,
  loadVersionPages,
  loadVersions,
  loadVersionsByNumber,
} from './content.loaders.ts'
import type { ContentVersion } from './content-version.entity.ts'
import type { HistoryEntry } from './documents.ts'
import type { Snapshot } from './snapshot.ts'

const ContentVersionNode = builder.loadableNodeRef('ContentVersion', {
  id: { resolve: (version: ContentVersion) => version.id },
  load: (ids: string[], context) => loadVersions(context, ids),
})

/** Summary, diff and snapshot are one row: whichever fields ask, a page of them is one request. */
const history = createContextCache(
  (context: Context) =>
    new DataLoader<string, HistoryEntry | null>((ids) => loadHistory(context, ids)),
)

/** A snapshot as stored, and when its version was written. */
interface VersionSnapshot {
  snapshot: Snapshot
  createdAt: Date
}

const ContentSnapshotObject = builder.objectRef<VersionSnapshot>('ContentSnapshot').implement({
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
      directives: { semanticNonNull: {} },
      resolve: ({ snapshot: { body }, createdAt }, _args, context) =>
        loadBody(
          {
            zerodbId: body.document_id,
            sha256: body.sha256,
            storageSizeBytes: body.size_bytes,
            bodyFormat: body.format,
            updatedAt: createdAt,
          },
          context,
        ),
    }),
  }),
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
    changesSummary: t.string({
      nullable: true,
      resolve: async ({ id }, _args, context) => (await history(context).load(id))?.summary,
    }),
    diffFromPrevious: t.field({
      type: 'JSONPatch',
      nullable: true,
      description: 'RFC 6902; null for the first version.',
      resolve: async ({ id }, _args, context) => (await history(context).load(id))?.diff,
    }),
    snapshot: t.field({
      type: ContentSnapshotObject,
      nullable: true,
      directives: { semanticNonNull: {} },
      resolve: async ({ id, createdAt }, _args, context) => {
        const entry = await history(context).load(id)
        if (entry) return { snapshot: entry.snapshot, createdAt }
        throw new GraphQLError('The history entry is missing from the content store.', {
          extensions: { code: 'CONTENT_HISTORY_MISSING' },
        })
      },
    }),
  }),
})

const VersionConnection = connectionOf<ContentVersion>('ContentVersion', ContentVersionNode)

/** Versions are numbered without gaps, so a place in the list is a number. */
const cursorOf = ({ versionNumber }: ContentVersion) =>
  encodeCursor('version', [`${versionNumber}`])

function versionAt(cursor: string): number {
  const [number] = decodeCursor(cursor, 'version', 1)
  if (number == null || !/^\d{1,9}$/.test(number)) throw new InvalidCursorError()
  return Number(number)
}

builder.objectField(ContentNode, 'versions', (t) =>
  t.loadable({
    type: VersionConnection,
    byPath: true,
    description: 'Newest first. The list is light; snapshots and diffs are loaded when asked for.',
    authScopes: { scope: 'VERSION_READ' },
    args: { first: t.arg.int(), after: t.arg.string(), last: t.arg.int(), before: t.arg.string() },
    load: async (ids: string[], context, args) => {
      const request = readPageArguments(args, 10)
      const { limit, backward, cursor } = request
      const beyond = cursor === undefined ? undefined : versionAt(cursor)
      const pages = await loadVersionPages(context, ids, { limit, backward, beyond })
      return pages.map((found): Page<ContentVersion> => {
        const nodes = found.slice(0, limit)
        if (backward) nodes.reverse()
        return { request, nodes, hasMore: found.length > limit, cursorOf }
      })
    },
    resolve: ({ id }) => id,
  }),
)

builder.objectField(ContentNode, 'versionByNumber', (t) =>
  t.loadable({
    type: ContentVersionNode,
    byPath: true,
    nullable: true,
    authScopes: { scope: 'VERSION_READ' },
    args: { number: t.arg.int({ required: true }) },
    load: (ids: string[], context, { number }) =>
      loadVersionsByNumber(
        context,
        ids.map((contentId) => ({ contentId, number })),
      ),
    resolve: ({ id }) => id,
  }),
)
