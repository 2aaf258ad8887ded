import { APICallError, InvalidResponseDataError, JSONParseError, TypeValidationError } from 'ai'
import type { UpstreamFailure } from '../../lib/errors.ts'
import type { Exchange } from './exchange.ts'
import { ModelError, type ModelProvider } from './model-call.ts'
import { TextTooLongError } from './write-draft.ts'

/**
 * Says in our words why a call failed that nobody aborted. The SDK's errors carry the request and
 * the answer, so no more than their kind is taken from them.
 */
export function explain(provider: ModelProvider, exchange: Exchange, error: unknown): ModelError {
  const { status, retryAfterMs } = exchange
  const say = (failure: UpstreamFailure, what: string, credentials = false) =>
    new ModelError(failure, `${provider} ${what}`, {
      credentials,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  if (exchange.tooLarge || error instanceof TextTooLongError) {
    return say('malformed', 'answered more than a draft may have')
  }
  if (status === null) return say('unavailable', 'could not be reached')
  if (status < 300) {
    return isUnreadable(error) && exchange.complete
      ? say('malformed', 'answered with something that its protocol does not know')
      : say('unavailable', 'broke off its answer')
  }
  const what = `answered with status ${status}`
  if (refusesKey(status, error)) return say('rejected', `${what}: it does not accept the key`, true)
  if (asksForPause(status, retryAfterMs)) return say('throttled', what)
  return say(status >= 500 || status === 408 ? 'unavailable' : 'rejected', what)
}

/** 529 is Anthropic's word for being overloaded. */
function asksForPause(status: number, retryAfterMs: number | undefined): boolean {
  return status === 429 || status === 529 || (status === 503 && retryAfterMs !== undefined)
}

/** Google says 400 to a key it does not know; OpenAI says 429 to one without credit. */
const keyTrouble = /API_KEY_INVALID|insufficient_quota/

function refusesKey(status: number, error: unknown): boolean {
  if (status === 401 || status === 402 || status === 403) return true
  if (status !== 400 && status !== 429) return false
  return APICallError.isInstance(error) && keyTrouble.test(error.responseBody ?? '')
}

/** Told apart from an error that the provider reports in the middle of its answer. */
function isUnreadable(error: unknown): boolean {
  if (APICallError.isInstance(error)) return (error.statusCode ?? 0) < 300
  return [JSONParseError, TypeValidationError, InvalidResponseDataError].some((kind) =>
    kind.isInstance(error),
  )
}
