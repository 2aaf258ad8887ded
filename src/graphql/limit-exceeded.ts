import { GraphQLError } from 'graphql'

/** GraphQL's Int ends here, and so do the numbers in our messages. */
export const maxInt = 2 ** 31 - 1

export function shown(count: number): string {
  return Math.min(count, maxInt).toLocaleString('en')
}

/** What an operation has too much of, e.g. `has 31 aliases`, and what to do about it. */
export function limitExceeded(what: string, allowed: number, advice: string): GraphQLError {
  return new GraphQLError(`This operation ${what}, and ${shown(allowed)} are allowed. ${advice}`, {
    extensions: { code: 'LIMIT_EXCEEDED' },
  })
}
