import type { Dispatcher } from 'undici'
import type { Answer } from './exchange.ts'
import { Refusal } from './refusal.ts'

export interface HttpCall {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** With the query string. */
  path: string
  headers?: Readonly<Record<string, string>>
  /** Sent as JSON; bytes as they are, with the `content-type` among the headers. */
  body?: unknown
  /** What it changes there. `once` is not sent again while its outcome is unknown. */
  effect: 'none' | 'repeatable' | 'once'
  signal?: AbortSignal | undefined
  /** Milliseconds the caller can wait, when fewer than `timeoutMs`. */
  deadlineMs?: number | undefined
  /** Of the answer, when fewer than the client reads of any. */
  maxAnswerBytes?: number | undefined
}

interface SentRequest extends Omit<Dispatcher.DispatchOptions, 'headers'> {
  headers: Record<string, string>
}

/** A call under way: its request, its time, and whatever may end it early. */
export class Flight implements Disposable {
  readonly request: SentRequest
  readonly effect: HttpCall['effect']
  readonly maxAnswerBytes: number
  /** What is made of the answer; throws what is thrown for a bad one. */
  readonly read: (answer: Answer) => unknown
  /** Some attempt may have been applied there, though its answer did not reach us. */
  uncertain = false
  readonly #caller: AbortSignal | undefined
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #endsAt: number

  constructor(call: HttpCall, waitMs: number, read: (answer: Answer) => unknown) {
    this.request = toRequest(call)
    this.effect = call.effect
    this.maxAnswerBytes = call.maxAnswerBytes ?? Infinity
    this.read = read
    this.#caller = call.signal
    this.#endsAt = performance.now() + waitMs
    this.#timer = setTimeout(() => {
      this.end(new Refusal('timeout', `no answer within ${waitMs} ms`))
    }, waitMs)
    if (call.signal?.aborted) this.#onCallerAbort()
    else call.signal?.addEventListener('abort', this.#onCallerAbort)
  }

  /** For one attempt, with headers of its own. */
  requestWith(headers: Readonly<Record<string, string>> | undefined): SentRequest {
    if (!headers) return this.request
    return { ...this.request, headers: { ...this.request.headers, ...headers } }
  }

  /** Aborts when the time is up, the caller leaves, or the breaker opens. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get leftMs(): number {
    return this.#endsAt - performance.now()
  }

  /** Whether the signal aborted because nobody waits any more. */
  get callerLeft(): boolean {
    return this.signal.aborted && !(this.signal.reason instanceof Refusal)
  }

  end(reason: unknown): void {
    this.#controller.abort(reason)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#caller?.removeEventListener('abort', this.#onCallerAbort)
  }

  readonly #onCallerAbort = () => {
    const reason: unknown = this.#caller?.reason
    const late = reason instanceof Error && reason.name === 'TimeoutError'
    this.end(late ? new Refusal('timeout', 'its caller ran out of time') : reason)
  }
}

function toRequest({ method, path, headers, body }: HttpCall): SentRequest {
  if (body === undefined) return { method, path, headers: { ...headers } }
  if (body instanceof Uint8Array) return { method, path, headers: { ...headers }, body }
  const json = JSON.stringify(body)
  return { method, path, headers: { ...headers, 'content-type': 'application/json' }, body: json }
}
