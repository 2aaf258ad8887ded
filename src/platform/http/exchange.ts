import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { Refusal } from './refusal.ts'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

/** A request that did not come back whole. The cause is undici's error, or why we broke off. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError'
  /** Whether a single byte may have reached the other side. */
  readonly sent: boolean
  /** Whether an answer had begun. */
  readonly answered: boolean

  constructor(message: string, sent: boolean, answered: boolean, cause: unknown) {
    super(message, { cause })
    this.sent = sent
    this.answered = answered
  }
}

/**
 * Sends one request and reads its whole answer, up to `maxBytes`. An abort rejects at once and
 * closes the connection. This is undici's lowest call: no stream is built for a body that is
 * wanted whole.
 */
export function exchange(
  pool: Dispatcher,
  request: Dispatcher.DispatchOptions,
  limits: { signal: AbortSignal; maxBytes: number },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const reader = new AnswerReader(limits, resolve, reject)
    pool.dispatch(request, reader)
  })
}

class AnswerReader implements Dispatcher.DispatchHandler {
  readonly #limits: { signal: AbortSignal; maxBytes: number }
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: ExchangeError) => void
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #controller: Dispatcher.DispatchController | undefined
  #over = false

  constructor(
    limits: { signal: AbortSignal; maxBytes: number },
    resolve: (answer: Answer) => void,
    reject: (error: ExchangeError) => void,
  ) {
    this.#limits = limits
    this.#resolve = resolve
    this.#reject = reject
    limits.signal.addEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = () => {
    this.#breakOff(this.#limits.signal.reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController) {
    if (this.#over) controller.abort(new Error('aborted before it was sent'))
    else this.#controller = controller
  }

  onResponseStart(_: unknown, status: number, headers: IncomingHttpHeaders) {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(_: unknown, chunk: Buffer) {
    this.#bytes += chunk.length
    this.#chunks.push(chunk)
    const { maxBytes } = this.#limits
    if (this.#bytes <= maxBytes) return
    this.#breakOff(new Refusal('malformed', `answered more than ${maxBytes} bytes`))
  }

  onResponseEnd() {
    if (!this.#finish()) return
    const [only] = this.#chunks
    const body = only && this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks, this.#bytes)
    this.#resolve({ status: this.#status, headers: this.#headers, body })
  }

  onResponseError(_: unknown, error: Error) {
    if (this.#finish()) this.#reject(this.#failure(error.message, error))
  }

  #breakOff(reason: unknown) {
    if (!this.#finish()) return
    const failure = this.#failure('broken off', reason)
    this.#reject(failure)
    this.#controller?.abort(failure)
  }

  /** True for the first of answer, error and abort; the others come too late. */
  #finish(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#limits.signal.removeEventListener('abort', this.#onAbort)
    return true
  }

  #failure(message: string, cause: unknown) {
    return new ExchangeError(message, this.#controller !== undefined, this.#status !== 0, cause)
  }
}
