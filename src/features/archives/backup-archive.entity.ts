import { defineEntity, p } from '@mikro-orm/postgresql'
import type { DocumentTable } from '../content/queued-documents.ts'

export const BackupArchiveSchema = defineEntity({
  name: 'BackupArchive',
  tableName: 'backup_archives',
  properties: {
    tenantId: p.uuid().primary(),
    id: p.uuid().primary(),
    /** Who asked for it; null for people who are gone. */
    userId: p.uuid().nullable(),
    collection: p.text().$type<DocumentTable>(),
    fileName: p.text(),
    /** ZeroDB's own ids of the parts, in their order; one where the file is small. */
    fileIds: p.array(),
    documentCount: p.integer(),
    sizeBytes: p.bigint('number'),
    compressed: p.boolean(),
    /** Of the parts together. */
    sha256: p.text(),
    createdAt: p.datetime(3),
    /** When its files may go; null for never. */
    expiresAt: p.datetime(3).nullable(),
  },
})

/** What was in a collection of a tenant at a time, in a file that ZeroDB keeps (W-011). */
export class BackupArchive extends BackupArchiveSchema.class {}
BackupArchiveSchema.setClass(BackupArchive)
