import type { UpstreamFailure } from '../../lib/errors.ts'

/** Our own decision not to make, or no longer to await, a call. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly failure: UpstreamFailure
  readonly retryAfterMs: number | undefined

  constructor(failure: UpstreamFailure, message: string, retryAfterMs?: number) {
    super(message)
    this.failure = failure
    this.retryAfterMs = retryAfterMs
  }
}
