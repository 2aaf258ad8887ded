import { GraphQLError } from 'graphql'
import { isBug, maxErrors, presentError } from '../graphql/present-error.ts'
import type { Origin } from '../lib/viewer.ts'
import type { Log } from '../platform/log.ts'

/** What clients may see of `errors`; the bugs among them go to the log as they are. */
export function presentErrors(
  errors: readonly GraphQLError[],
  log: Log,
  { requestId }: Origin,
): GraphQLError[] {
  for (const error of errors) {
    if (isBug(error))
      log.error({ requestId, err: error.originalError ?? error }, 'operation failed')
  }
  return errors.slice(0, maxErrors).map(presentError)
}

/** Whatever was thrown, as GraphQL reports errors. */
export function asGraphqlError(cause: unknown): GraphQLError {
  if (cause instanceof GraphQLError) return cause
  const originalError = cause instanceof Error ? cause : new Error(String(cause))
  return new GraphQLError(originalError.message, { originalError })
}

/** For whoever cannot be told apart from nobody. */
export const unauthenticated = {
  message: 'Send a valid token: "Authorization: Bearer …".',
  extensions: { code: 'UNAUTHENTICATED' },
}
