import type { GraphQLSchema } from 'graphql'
import type { Viewer } from '../lib/viewer.ts'
import type { Services } from '../platform/services.ts'
import { type Authenticate, createAuthenticate } from './authenticate.ts'
import { createPrepareOperation, type PrepareOperation } from './prepare-operation.ts'

/** A schema, and what is parsed and validated against it already. */
export interface Api {
  schema: GraphQLSchema
  prepareOperation: PrepareOperation
}

/** What every way to the API shares: the schema as each viewer sees it, and who is known already. */
export interface Endpoint {
  services: Services
  authenticate: Authenticate
  apiFor(viewer: Viewer): Api
}

export function createEndpoint(schema: GraphQLSchema, services: Services): Endpoint {
  const whole = createApi(schema)
  return {
    services,
    authenticate: createAuthenticate(services),
    apiFor: () => whole,
  }
}

function createApi(schema: GraphQLSchema): Api {
  return { schema, prepareOperation: createPrepareOperation(schema) }
}
