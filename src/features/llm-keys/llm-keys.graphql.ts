import { builder } from '../../graphql/builder.ts'
import { DeleteResult } from '../../graphql/delete-result.ts'
import { listOf } from '../../graphql/list-size.ts'
import { idOf } from '../../graphql/global-id.ts'
import {
  ForbiddenError,
  KeyServiceUnavailableError,
  StorageUnavailableError,
  ValidationError,
} from '../../lib/errors.ts'
import { deleteLlmKey } from './delete-llm-key.ts'
import { type ListedLlmKey, listLlmKeys, loadLlmKeys } from './llm-key.loaders.ts'
import { setLlmKey } from './set-llm-key.ts'

export const LlmProviderEnum = builder.enumType('LlmProvider', {
  description:
    'Who runs a model. COMPATIBLE is the OpenAI-compatible endpoint that the gateway is set up with.',
  values: {
    OPENAI: { value: 'openai' },
    ANTHROPIC: { value: 'anthropic' },
    GOOGLE: { value: 'google' },
    COMPATIBLE: { value: 'compatible' },
  } as const,
})

const LlmKeyNode = builder.loadableNodeRef('LlmKey', {
  id: { resolve: (key: ListedLlmKey) => key.id },
  load: (ids: string[], context) => loadLlmKeys(context, ids),
})
LlmKeyNode.implement({
  description: 'A key of your own to a provider of models. The secret never comes back.',
  // On the type, because `node` reaches it too.
  authScopes: { scope: 'LLMKEY_MANAGE' },
  fields: (t) => ({
    provider: t.expose('provider', { type: LlmProviderEnum }),
    label: t.exposeString('label'),
    last4: t.exposeString('last4', { description: 'The last four characters of the secret.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'To the minute; null until the present secret has been used.',
    }),
    valid: t.boolean({
      nullable: true,
      description:
        'False once its provider has refused it: set another secret. Null until it has been used.',
      resolve: ({ lastUsedAt, rejectedAt }) => (rejectedAt ? false : lastUsedAt ? true : null),
    }),
  }),
})

builder.queryField('llmKeys', (t) =>
  t.field({
    type: [LlmKeyNode],
    nullable: true,
    directives: { semanticNonNull: {}, ...listOf(5) },
    description: 'By provider and label; there are a hundred at most.',
    authScopes: { scope: 'LLMKEY_MANAGE' },
    resolve: (_root, _args, context) => listLlmKeys(context),
  }),
)

const LlmKeySuccessObject = builder.objectRef<{ id: string }>('LlmKeySuccess').implement({
  fields: (t) => ({ key: t.field({ type: LlmKeyNode, resolve: ({ id }) => id }) }),
})

const LlmKeyResult = builder.errorUnion('LlmKeyResult', {
  types: [
    LlmKeySuccessObject,
    ValidationError,
    ForbiddenError,
    KeyServiceUnavailableError,
    StorageUnavailableError,
  ],
  resolveType: () => LlmKeySuccessObject,
})

builder.mutationField('setLlmKey', (t) =>
  t.field({
    type: LlmKeyResult,
    description:
      'Keeps a key, sealed. A key of the same provider and label stays, with the new secret; repeating the call is harmless.',
    authScopes: { scope: 'LLMKEY_MANAGE' },
    args: {
      provider: t.arg({ type: LlmProviderEnum, required: true }),
      label: t.arg.string({ required: true }),
      secret: t.arg.string({
        required: true,
        description: 'Send it as a variable: documents may be kept in logs on the way.',
      }),
    },
    resolve: async (_root, input, context) => ({ id: await setLlmKey(context, input) }),
  }),
)

builder.mutationField('deleteLlmKey', (t) =>
  t.field({
    type: DeleteResult,
    description: 'Removes the key and its secret; jobs that run on it end.',
    authScopes: { scope: 'LLMKEY_MANAGE' },
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id }, context) => {
      await deleteLlmKey(context, { globalId: id, id: idOf('LlmKey', id) })
      return { ids: [id] }
    },
  }),
)
