import type { GraphQLSchema } from 'graphql'
import type { Services } from '../platform/services.ts'
import { type Authenticate, createAuthenticate } from './authenticate.ts'
import { createPrepareOperation, type PrepareOperation } from './prepare-operation.ts'

/** What every way to the API shares: the schema, and who is known and parsed already. */
export interface Endpoint {
  schema: GraphQLSchema
  services: Services
  authenticate: Authenticate
  prepareOperation: PrepareOperation
}

export function createEndpoint(schema: GraphQLSchema, services: Services): Endpoint {
  return {
    schema,
    services,
    authenticate: createAuthenticate(services),
    prepareOperation: createPrepareOperation(schema),
  }
}
