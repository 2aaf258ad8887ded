import { GraphQLError } from 'graphql'

/** An argument that can never be right. The message names the rule, never the value (it may be a secret). */
export function badUserInput(message: string, details: object = {}): GraphQLError {
  return new GraphQLError(message, { extensions: { ...details, code: 'BAD_USER_INPUT' } })
}
