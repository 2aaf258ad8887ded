import { builder } from '../../graphql/builder.ts'
import { listOf } from '../../graphql/list-size.ts'
import { AuditEventNode } from '../tenancy/audit-events.graphql.ts'
import { BrandNode, ScopeEnum, ViewerObject } from '../tenancy/tenancy.graphql.ts'
import { type ListedApiKey, listApiKeys, loadApiKeys } from './api-key.loaders.ts'
import { prefixOf } from './key-text.ts'

/** A bucket that is empty is full again after so many seconds. */
const refillSeconds = 20

export const ApiKeyNode = builder.loadableNodeRef('ApiKey', {
  id: { resolve: (key: ListedApiKey) => key.id },
  load: (ids: string[], context) => loadApiKeys(context, ids),
})
ApiKeyNode.implement({
  description:
    "A partner's key, sent as `Authorization: Bearer cg_live_…`. Its secret never comes back.",
  // On the type, because `node` reaches it too; a key may look at itself.
  authScopes: ({ id }, { viewer }) =>
    viewer.apiKey?.id === id || { scope: 'APIKEY_MANAGE' as const },
  fields: (t) => ({
    name: t.exposeString('name'),
    prefix: t.string({
      description: 'What the key begins with, to recognise it by.',
      resolve: ({ id }) => prefixOf(id),
    }),
    scopes: t.expose('scopes', { type: [ScopeEnum] }),
    brands: t.field({
      type: [BrandNode],
      directives: listOf(10),
      nullable: true,
      description: 'Null for every brand.',
      resolve: ({ brandIds }) => brandIds,
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'To a few seconds.',
    }),
    revokedAt: t.expose('revokedAt', { type: 'DateTime', nullable: true }),
    costLimit: t.exposeInt('costLimit', {
      description: "Cost points that the key's bucket holds.",
    }),
    restorePerSecond: t.float({
      description: 'Cost points that come back each second.',
      resolve: ({ costLimit }) => costLimit / refillSeconds,
    }),
    trustedDocumentsOnly: t.exposeBoolean('trustedDocumentsOnly'),
    allowedIps: t.exposeStringList('allowedIps', {
      nullable: true,
      description: 'Addresses and CIDR ranges the key may come from; null for every address.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
})

builder.queryField('apiKeys', (t) =>
  t.field({
    type: [ApiKeyNode],
    nullable: true,
    directives: { semanticNonNull: {}, ...listOf(20) },
    description: 'Newest first: all that are not revoked, and the latest of those that are.',
    authScopes: { scope: 'APIKEY_MANAGE' },
    resolve: (_root, _args, context) => listApiKeys(context),
  }),
)

builder.objectField(ViewerObject, 'apiKey', (t) =>
  t.field({
    type: ApiKeyNode,
    nullable: true,
    description: 'The key that asks; null for people.',
    resolve: (_viewer, _args, { viewer }) => viewer.apiKey?.id,
  }),
)

builder.objectField(AuditEventNode, 'apiKey', (t) =>
  t.field({
    type: ApiKeyNode,
    nullable: true,
    description: 'The key that did it; null for people.',
    resolve: ({ actorApiKeyId }) => actorApiKeyId,
  }),
)
