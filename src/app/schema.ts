import type { GraphQLSchema } from 'graphql'
import { builder } from '../graphql/builder.ts'
import '../graphql/scalars.ts'
import '../graphql/errors.ts'
import '../features/tenancy/tenancy.graphql.ts'
import '../features/quota/quota.graphql.ts'
import '../features/content/content.graphql.ts'
import '../features/content/contents-connection.graphql.ts'
import '../features/content/content-versions.graphql.ts'
import '../features/content/content-mutations.graphql.ts'

/** The one schema. Every `*.graphql.ts` is imported above and adds its part to the builder. */
export function toSchema(): GraphQLSchema {
  return builder.toSchema()
}
