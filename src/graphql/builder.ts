import SchemaBuilder from '@pothos/core'
import DataloaderPlugin from '@pothos/plugin-dataloader'
import DirectivesPlugin from '@pothos/plugin-directives'
import ErrorsPlugin from '@pothos/plugin-errors'
import RelayPlugin from '@pothos/plugin-relay'
import ScopeAuthPlugin, { type AuthFailure } from '@pothos/plugin-scope-auth'
import { ForbiddenError } from '../lib/errors.ts'
import type { JsonText } from '../lib/json-text.ts'
import type { Scope } from '../lib/viewer.ts'
import type { Context } from './context.ts'
import type { Audience } from './contract.ts'
import type { CostDirective, ListSizeDirective } from './field-cost.ts'
import { decodeGlobalId, encodeGlobalId, nodeIdIn } from './global-id.ts'

export interface GatewayTypes {
  Context: Context
  DefaultFieldNullability: false
  DefaultEdgesNullability: { list: false; items: false }
  DefaultNodeNullability: false
  AuthScopes: { scope: Scope }
  Directives: {
    semanticNonNull: { locations: 'FIELD_DEFINITION'; args: { levels?: number[] } }
    tag: { locations: 'FIELD_DEFINITION'; args: { name: Audience } }
    cost: { locations: 'FIELD_DEFINITION' | 'ARGUMENT_DEFINITION'; args: CostDirective }
    listSize: { locations: 'FIELD_DEFINITION'; args: ListSizeDirective }
  }
  Scalars: {
    ID: { Input: string; Output: string }
    /** Long ones as they are kept; the executor hands them on to whoever writes the answer. */
    String: { Input: string; Output: string | JsonText }
    DateTime: { Input: Date; Output: Date }
    BigInt: { Input: number; Output: number }
    Decimal: { Input: string; Output: string }
    JSON: { Input: unknown; Output: unknown }
    JSONPatch: { Input: readonly unknown[]; Output: unknown }
    UUID: { Input: string; Output: string }
    URL: { Input: string; Output: string }
  }
}

/** Every type, field and mutation is added to this builder by the feature it belongs to. */
export const builder = new SchemaBuilder<GatewayTypes>({
  defaultFieldNullability: false,
  // The first wraps the rest: a missing scope must reach the error union of its field.
  plugins: [ErrorsPlugin, ScopeAuthPlugin, RelayPlugin, DataloaderPlugin, DirectivesPlugin],
  scopeAuth: {
    // Once, when it begins: whose rights change is disconnected, see app/bearer.ts.
    authorizeOnSubscribe: true,
    authScopes: ({ viewer, access }) => ({
      scope: (scope) => {
        const isHeld = viewer.scopes.has(scope)
        if (isHeld) access.held.add(scope)
        return isHeld
      },
    }),
    unauthorizedError: (_parent, { access }, { parentType, fieldName }, { failure }) => {
      const error = forbidden(failure)
      access.denied.push({
        field: `${parentType.name}.${fieldName}`,
        scopes: error.requiredScopes,
      })
      return error
    },
  },
  errors: { directResult: true, defaultTypes: [] },
  directives: { useGraphQLToolsUnorderedDirectives: true },
  relay: {
    encodeGlobalID: (typename, id) => encodeGlobalId(typename, String(id)),
    decodeGlobalID: decodeGlobalId,
    cursorType: 'String',
    nodeQueryOptions: {
      authScopes: { scope: 'CONTENT_READ' },
      resolve: (_root, { id }, _context, { schema }, resolveNode) =>
        resolveNode(nodeIdIn(schema, id)),
    },
    nodesQueryOptions: {
      authScopes: { scope: 'CONTENT_READ' },
      directives: { listSize: { slicingArguments: ['ids'] } },
      resolve: (_root, { ids }, _context, { schema }, resolveNodes) =>
        resolveNodes(ids.map((id) => nodeIdIn(schema, id))),
    },
  },
})

export type SchemaTypes = typeof builder.$inferSchemaTypes

builder.queryType()
builder.mutationType()
builder.subscriptionType()

function forbidden(failure: AuthFailure): ForbiddenError {
  const missing = missingScopes(failure)
  return new ForbiddenError(`This needs the scope ${missing.join(' and ')}.`, missing)
}

function missingScopes(failure: AuthFailure): string[] {
  if ('failures' in failure) return failure.failures.flatMap(missingScopes)
  return 'parameter' in failure ? [String(failure.parameter)] : []
}
