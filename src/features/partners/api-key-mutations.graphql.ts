import { builder } from '../../graphql/builder.ts'
import { idOf } from '../../graphql/global-id.ts'
import {
  ForbiddenError,
  NotFoundError,
  StorageUnavailableError,
  ValidationError,
} from '../../lib/errors.ts'
import { ScopeEnum } from '../tenancy/tenancy.graphql.ts'
import { ApiKeyNode } from './api-keys.graphql.ts'
import { createApiKey } from './create-api-key.ts'
import { revokeApiKey } from './revoke-api-key.ts'
import { rotateApiKey } from './rotate-api-key.ts'

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  fields: (t) => ({
    name: t.string({ required: true, description: '1 to 100 characters.' }),
    scopes: t.field({
      type: [ScopeEnum],
      required: true,
      description: 'Without CONTENT_READ_DRAFT the key sees published contents only.',
    }),
    brandIds: t.idList({ description: 'Every brand unless given.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'Never unless given.' }),
    trustedDocumentsOnly: t.boolean({ defaultValue: false }),
    allowedIps: t.stringList({
      description: 'At most 100 IP addresses and CIDR ranges; every address unless given.',
    }),
    costLimit: t.int({ defaultValue: 10_000, description: 'Cost points, 2,000 to 1,000,000.' }),
  }),
})

interface Success {
  id: string
  secret: string | null
}

const ApiKeySuccessObject = builder.objectRef<Success>('ApiKeySuccess').implement({
  fields: (t) => ({
    apiKey: t.field({ type: ApiKeyNode, resolve: ({ id }) => id }),
    secret: t.exposeString('secret', {
      nullable: true,
      description: 'The key to send, shown this once: only a hash of it is kept.',
    }),
  }),
})

const ApiKeyResult = builder.errorUnion('ApiKeyResult', {
  types: [
    ApiKeySuccessObject,
    ValidationError,
    ForbiddenError,
    NotFoundError,
    StorageUnavailableError,
  ],
  resolveType: () => ApiKeySuccessObject,
})

builder.mutationField('createApiKey', (t) =>
  t.field({
    type: ApiKeyResult,
    description: 'Makes a key that can do no more than you. A tenant has at most 100.',
    authScopes: { scope: 'APIKEY_MANAGE' },
    args: { input: t.arg({ type: CreateApiKeyInput, required: true }) },
    resolve: (_root, { input }, context) =>
      createApiKey(context, {
        name: input.name,
        scopes: input.scopes,
        brandIds: input.brandIds?.map((id) => idOf('Brand', id)) ?? null,
        expiresAt: input.expiresAt ?? null,
        trustedDocumentsOnly: input.trustedDocumentsOnly ?? false,
        allowedIps: input.allowedIps ?? null,
        costLimit: input.costLimit ?? 10_000,
      }),
  }),
)

builder.mutationField('rotateApiKey', (t) =>
  t.field({
    type: ApiKeyResult,
    description:
      'Gives the key another secret. The one before stays good for a while, so that nobody is locked out.',
    authScopes: { scope: 'APIKEY_MANAGE' },
    args: {
      id: t.arg.id({ required: true }),
      overlapSeconds: t.arg.int({
        required: true,
        defaultValue: 3_600,
        description: 'Up to a week.',
      }),
    },
    resolve: (_root, { id, overlapSeconds }, context) =>
      rotateApiKey(context, { globalId: id, id: idOf('ApiKey', id), overlapSeconds }),
  }),
)

builder.mutationField('revokeApiKey', (t) =>
  t.field({
    type: ApiKeyResult,
    description:
      'Ends the key for good. Within five seconds it is refused everywhere, and what it has open is closed.',
    authScopes: { scope: 'APIKEY_MANAGE' },
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id: globalId }, context) => {
      const id = idOf('ApiKey', globalId)
      await revokeApiKey(context, { globalId, id })
      return { id, secret: null }
    },
  }),
)
