import { UpstreamError, type UpstreamFailure } from '../../lib/errors.ts'

export const neighbour = 'BigQuery'

/** What the vendor's client throws: an HTTP status, and why in Google's words. */
interface ApiFailure {
  code?: number | string
  errors?: readonly { reason?: string; message?: string }[]
}

/** The status of Google's answer; undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  const { code } = (error ?? {}) as ApiFailure
  return typeof code === 'number' && code >= 400 ? code : undefined
}

/** Google's word for what went wrong, e.g. `accessDenied`. */
export function reasonOf(error: unknown): string | undefined {
  const { errors } = (error ?? {}) as ApiFailure
  return errors?.[0]?.reason
}

const overload = new Set(['rateLimitExceeded', 'quotaExceeded', 'jobRateLimitExceeded'])

/** Says in our words why a call failed (https://cloud.google.com/bigquery/docs/error-messages). */
export function explain(error: unknown, mayHaveApplied = false): UpstreamError {
  if (error instanceof UpstreamError) return error
  const text = error instanceof Error ? error.message : String(error)
  return new UpstreamError(neighbour, failureOf(error), text.slice(0, 500), {
    mayHaveApplied,
    cause: error,
  })
}

function failureOf(error: unknown): UpstreamFailure {
  const status = statusOf(error)
  if (overload.has(reasonOf(error) ?? '') || status === 429) return 'throttled'
  if (status === undefined || status >= 500) return 'unavailable'
  return 'rejected'
}

export function timedOut(ms: number): UpstreamError {
  return new UpstreamError(neighbour, 'timeout', `no answer within ${ms} ms`, {
    mayHaveApplied: true,
  })
}

/**
 * The vendor's client hears no aborts: whoever waits leaves at the deadline or with the signal's
 * reason, and what was asked goes on unheard. Nothing begins for somebody who has left already.
 */
export async function within<T>(
  ms: number,
  signal: AbortSignal | undefined,
  begin: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const left = Promise.withResolvers<never>()
  const onAbort = () => left.reject(signal?.reason as Error)
  const timer = setTimeout(() => left.reject(timedOut(ms)), ms)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([begin(), left.promise])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}
