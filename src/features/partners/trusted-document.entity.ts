import { defineEntity, p } from '@mikro-orm/postgresql'

export const TrustedDocumentSchema = defineEntity({
  name: 'TrustedDocument',
  tableName: 'trusted_documents',
  properties: {
    tenantId: p.uuid().primary(),
    id: p.uuid().primary(),
    /** SHA-256 of the body, in hex. */
    documentId: p.text(),
    operationName: p.text(),
    body: p.text(),
    createdByUserId: p.uuid().nullable(),
    createdAt: p.datetime(3),
    /** To the hour; null until it has been asked for by its id. */
    lastUsedAt: p.datetime(3).nullable(),
  },
})

/** An operation that clients ask for by the hash of its text. */
export class TrustedDocument extends TrustedDocumentSchema.class {}
TrustedDocumentSchema.setClass(TrustedDocument)
