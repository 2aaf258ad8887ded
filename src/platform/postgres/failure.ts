import { UpstreamError, type UpstreamFailure } from '../../lib/errors.ts'

/**
 * By SQLSTATE: no connection (08), no resources (53), going down (57P), asleep inside a transaction for
 * too long (25P03), or a statement that ran out of time (57014). By `code`: an error of the socket.
 */
const byCode: readonly [RegExp, UpstreamFailure][] = [
  [/^(08...|53...|57P..|25P03|E[A-Z]+)$/, 'unavailable'],
  [/^57014$/, 'timeout'],
]
/** What `pg` itself says, without a code. */
const byMessage: readonly [RegExp, UpstreamFailure][] = [
  [/connection terminated|not queryable/i, 'unavailable'],
  // All connections were in use for longer than a caller may wait.
  [/timeout exceeded when trying to connect/, 'overloaded'],
]

/** The failure as PostgreSQL's being away; undefined when it did answer about our statement. */
export function asUpstreamError(error: unknown, inTransaction: boolean): UpstreamError | undefined {
  if (!(error instanceof Error)) return undefined
  const failure = failureOf(error)
  if (!failure) return undefined
  // A statement that is cancelled takes its transaction with it; a lost connection may lose the
  // answer to a commit.
  const mayHaveApplied = inTransaction && failure === 'unavailable'
  const options = { retryAfterMs: 1_000, mayHaveApplied, cause: error }
  return new UpstreamError('PostgreSQL', failure, error.message, options)
}

function failureOf(error: Error): UpstreamFailure | undefined {
  if ('code' in error && typeof error.code === 'string') {
    const { code } = error
    return byCode.find(([pattern]) => pattern.test(code))?.[1]
  }
  return byMessage.find(([pattern]) => pattern.test(error.message))?.[1]
}

/** Undone whole, to end a deadlock or an anomaly: running the transaction again is safe, and may work. */
export function wasSacrificed(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^40(P01|001)$/.test(String(error.code))
}
