import { defineEntity, p } from '@mikro-orm/postgresql'
import type { keyScopes } from '../../lib/viewer.ts'

export type KeyScope = (typeof keyScopes)[number]

export const ApiKeySchema = defineEntity({
  name: 'ApiKey',
  tableName: 'api_keys',
  properties: {
    tenantId: p.uuid().primary(),
    /** Public: it stands in the key. */
    id: p.uuid().primary(),
    name: p.text(),
    scopes: p.array().$type<KeyScope[]>(),
    /** Null for every brand of the tenant. */
    brandIds: p.array().$type<string[]>().columnType('uuid[]').nullable(),
    secretHash: p.text(),
    /** Of the secret before the last rotation, which is good until `previousValidUntil`. */
    previousSecretHash: p.text().nullable(),
    previousValidUntil: p.datetime(3).nullable(),
    expiresAt: p.datetime(3).nullable(),
    revokedAt: p.datetime(3).nullable(),
    /** To a few seconds. */
    lastUsedAt: p.datetime(3).nullable(),
    /** Cost points that the key's own bucket holds. */
    costLimit: p.integer(),
    trustedDocumentsOnly: p.boolean(),
    /** IP addresses and CIDR ranges; null for every address. */
    allowedIps: p.array().$type<string[]>().nullable(),
    createdByUserId: p.uuid().nullable(),
    createdAt: p.datetime(3),
  },
})

/** What a partner comes with instead of a token. Of its secrets there are hashes only. */
export class ApiKey extends ApiKeySchema.class {}
ApiKeySchema.setClass(ApiKey)
