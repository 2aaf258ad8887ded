import { GraphQLError } from 'graphql'
import type { OperationParams } from './operation.ts'
import type { Profile } from './profile.ts'

/**
 * The errors of an operation that is not executed, without names of the schema that the client did not
 * write itself: whoever may not ask for the schema is not to read it out of messages either.
 */
export function hideSchema(
  { showsSchema }: Profile,
  errors: readonly GraphQLError[],
  { query, variables }: OperationParams,
): readonly GraphQLError[] {
  if (showsSchema) return errors
  const known = new Set(`${query} ${JSON.stringify(variables)}`.match(/\w+/g))
  const isKnown = (text: string) => (text.match(/\w+/g) ?? []).every((name) => known.has(name))
  return errors.map((error) => {
    const hide = (quoted: string) => (isKnown(quoted) ? quoted : '"…"')
    return withMessage(error, error.message.replace(/"[^"]*"/g, hide))
  })
}

function withMessage(error: GraphQLError, message: string): GraphQLError {
  return new GraphQLError(message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    extensions: error.extensions,
  })
}
