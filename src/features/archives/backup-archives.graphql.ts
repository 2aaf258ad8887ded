import { builder } from '../../graphql/builder.ts'
import { connectionOf } from '../../graphql/connection.ts'
import { forwardPages } from '../../graphql/list-size.ts'
import { readPageArguments } from '../../graphql/page-arguments.ts'
import { OpsResult } from '../tenancy/ops-result.graphql.ts'
import type { BackupArchive } from './backup-archive.entity.ts'
import {
  archiveCursorOf,
  listBackupArchives,
  loadBackupArchives,
} from './backup-archives.loaders.ts'
import { backupCollections, type RequestedBackups } from './backup-collections.ts'

const BackupArchiveNode = builder.loadableNodeRef('BackupArchive', {
  id: { resolve: (archive: BackupArchive) => archive.id },
  load: (ids: string[], context) => loadBackupArchives(context, ids),
})

// Without a `url`: whoever had it could read everything past the gateway, and ZeroDB's own links
// name the project. `gateway archive restore` puts back what is in an archive.
BackupArchiveNode.implement({
  description: 'What was in a collection at a time, kept for 30 days; an operator restores it.',
  // On the type, because `node` reaches it too.
  authScopes: { scope: 'BACKUP_READ' },
  fields: (t) => ({
    databaseId: t.expose('id', {
      type: 'UUID',
      description: 'What `gateway archive restore` is given.',
    }),
    collection: t.exposeString('collection'),
    fileName: t.exposeString('fileName'),
    documentCount: t.exposeInt('documentCount'),
    sizeBytes: t.expose('sizeBytes', { type: 'BigInt', description: 'As it is kept.' }),
    compressed: t.exposeBoolean('compressed', { description: 'With zstd.' }),
    backupDate: t.expose('createdAt', { type: 'DateTime' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true }),
    checksum: t.exposeString('sha256', { description: 'SHA-256 of the file as it is kept.' }),
  }),
})

const BackupArchiveConnection = connectionOf<BackupArchive>('BackupArchive', BackupArchiveNode)

builder.queryField('backupArchives', (t) =>
  t.field({
    type: BackupArchiveConnection,
    directives: forwardPages(20),
    description: 'Newest first; 1 to 100 a page, 20 unless `first` says otherwise.',
    authScopes: { scope: 'BACKUP_READ' },
    args: { collection: t.arg.string(), first: t.arg.int(), after: t.arg.string() },
    resolve: async (_root, { collection, ...page }, context) => {
      const request = readPageArguments(page, 20)
      const { limit, cursor } = request
      const asked = { limit, cursor, collection: collection ?? undefined }
      const found = await listBackupArchives(context, asked)
      const nodes = found.slice(0, limit)
      return { request, nodes, hasMore: found.length > limit, cursorOf: archiveCursorOf }
    },
  }),
)

builder.mutationField('backupCollections', (t) =>
  t.field({
    type: OpsResult,
    description:
      'Begins to back up collections, all unless some are named. It goes on behind the answer; `backupArchives` shows what was made.',
    authScopes: { scope: 'OPS_WRITE' },
    args: { collections: t.arg.stringList() },
    resolve: async (_root, { collections }, context) => ({
      message: describe(await backupCollections(context, collections)),
    }),
  }),
)

function describe({ begun, underWay }: RequestedBackups): string {
  const sentences = [
    begun.length > 0 ? `The backup of ${begun.join(' and ')} has begun.` : '',
    underWay.length > 0
      ? `A backup of ${underWay.join(' and ')} is under way already, or failed and is tried again within minutes.`
      : '',
  ]
  return sentences.filter(Boolean).join(' ')
}
