import type { IncomingHttpHeaders } from 'node:http'
import { UpstreamError, type UpstreamFailure } from '../../lib/errors.ts'
import { ExchangeError, type Answer } from './exchange.ts'
import { Refusal } from './refusal.ts'

/** How much of an upstream text goes into our log. */
const quotedCharacters = 200
/** The pause after a 429 that names none, and the longest we keep without asking again. */
const defaultPauseMs = 1_000
const longestPauseMs = 60_000

/** The neighbour answered with a status that is no success; the cause of an `UpstreamError`. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly status: number
  /** The beginning of the answer's text. For our log and for telling 404s apart, never for clients. */
  readonly text: string
  /** From `Retry-After`, at most a minute; a 429 always has one. */
  readonly retryAfterMs: number | undefined

  constructor({ status, headers, body }: Answer) {
    const text = body.toString('utf8', 0, 4 * quotedCharacters).slice(0, quotedCharacters)
    super(`answered ${status}: ${text}`)
    this.status = status
    this.text = text
    const fallbackMs = status === 429 ? defaultPauseMs : undefined
    this.retryAfterMs = readRetryAfter(headers['retry-after']) ?? fallbackMs
  }
}

/** RFC 9110 §10.2.3: a number of seconds, or an HTTP date. */
function readRetryAfter(header: IncomingHttpHeaders['retry-after']): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), longestPauseMs)
}

/** The value an answer carries, `null` for an empty one. Throws StatusError or SyntaxError. */
export function readJson(answer: Answer): unknown {
  const body = readBytes(answer)
  return body.length === 0 ? null : (JSON.parse(body.toString('utf8')) as unknown)
}

/** The answer as it came. Throws StatusError. */
export function readBytes(answer: Answer): Buffer {
  if (answer.status < 200 || answer.status > 299) throw new StatusError(answer)
  return answer.body
}

/** What a failed attempt says about the request: may it have been applied, all the same? */
export function isUncertain(error: unknown): boolean {
  if (error instanceof ExchangeError) return error.sent
  if (error instanceof StatusError) return error.status >= 500
  return error instanceof SyntaxError
}

/** A second try may fare better. */
export function isTransient(error: unknown): boolean {
  if (error instanceof StatusError) return error.status === 429 || error.status >= 500
  if (error instanceof ExchangeError) return !(error.cause instanceof Refusal)
  return error instanceof SyntaxError
}

/** Says in our words why a call failed. */
export function explain(neighbour: string, error: unknown, mayHaveApplied: boolean): UpstreamError {
  const reason =
    error instanceof ExchangeError && error.cause instanceof Refusal ? error.cause : error
  const known = reason instanceof Refusal || reason instanceof StatusError
  const retryAfterMs = known ? reason.retryAfterMs : undefined
  return new UpstreamError(neighbour, failureOf(reason), describe(reason), {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    mayHaveApplied,
    cause: reason,
  })
}

function failureOf(error: unknown): UpstreamFailure {
  if (error instanceof Refusal) return error.failure
  if (error instanceof ExchangeError) return error.answered ? 'malformed' : 'unavailable'
  if (!(error instanceof StatusError)) return 'malformed'
  if (error.status === 429) return 'throttled'
  return error.status >= 500 ? 'unavailable' : 'rejected'
}

function describe(error: unknown): string {
  if (error instanceof SyntaxError) return 'answered with something that is not JSON'
  return error instanceof Error ? error.message : String(error)
}
