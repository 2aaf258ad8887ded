import { defineEntity, p } from '@mikro-orm/postgresql'

/**
 * pending → committed, or pending → aborted (fenced, reservation released) → swept (documents
 * deleted) → collected (deleted again a day later, for a writer that was asleep meanwhile).
 */
export type WriteIntentState = 'pending' | 'committed' | 'aborted' | 'swept' | 'collected'

const WriteIntentSchema = defineEntity({
  name: 'WriteIntent',
  tableName: 'content_write_intents',
  properties: {
    tenantId: p.uuid().primary(),
    id: p.uuid().primary(),
    contentId: p.uuid(),
    versionNumber: p.integer(),
    /** The new body document; null when only metadata changes. */
    documentId: p.uuid().nullable(),
    historyId: p.uuid(),
    reservedBytes: p.bigint('number'),
    state: p.text().$type<WriteIntentState>(),
    leaseExpiresAt: p.datetime(3),
    createdAt: p.datetime(3),
  },
})

/** A write that has begun: which documents it will put into ZeroDB and what it has reserved. */
export class WriteIntent extends WriteIntentSchema.class {}
WriteIntentSchema.setClass(WriteIntent)
