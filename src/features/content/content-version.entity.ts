import { defineEntity, p } from '@mikro-orm/postgresql'

export const changeTypes = ['create', 'update', 'publish', 'archive', 'restore', 'delete'] as const
export type ChangeType = (typeof changeTypes)[number]

export const ContentVersionSchema = defineEntity({
  name: 'ContentVersion',
  tableName: 'content_versions',
  properties: {
    tenantId: p.uuid().primary(),
    /** Also the id of the history entry in ZeroDB: snapshot, summary and diff. */
    id: p.uuid().primary(),
    contentId: p.uuid(),
    versionNumber: p.integer(),
    changeType: p.text().$type<ChangeType>(),
    changedByUserId: p.uuid().nullable(),
    documentId: p.uuid(),
    sizeBytes: p.bigint('number'),
    sha256: p.text(),
    /** The number of the version whose state this one repeats. */
    restoredFrom: p.integer().nullable(),
    /** Pinned versions never expire. */
    pinnedAt: p.datetime(3).nullable(),
    /** Its retention is over: documents are read no longer, and removed soon after. */
    expiredAt: p.datetime(3).nullable(),
    documentsRemovedAt: p.datetime(3).nullable(),
    /** Of the tenant's feed: its place among all changes. */
    sequence: p.bigint('number'),
    createdAt: p.datetime(3),
  },
})

/** The light half of a version; what it looked like is in ZeroDB. */
export class ContentVersion extends ContentVersionSchema.class {}
ContentVersionSchema.setClass(ContentVersion)
