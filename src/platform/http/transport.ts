import { Pool } from 'undici'
import { exchange } from './exchange.ts'
import { StatusError } from './failures.ts'
import type { Flight } from './flight.ts'
import { createGate, type Gate } from './gate.ts'
import { neighbourRequest } from '../telemetry.ts'
import { createRecent, type RecentSummary } from './recent.ts'

export interface TransportOptions {
  neighbour: string
  origin: string
  slowMs: number
  maxInFlight: number
  maxQueued: number
  maxAnswerBytes: number
}

/** Requests towards one origin, `maxInFlight` at a time and none during a pause it asked for. */
export interface Transport extends AsyncDisposable {
  readonly gate: Gate
  /** One request, sent when its turn comes. `onSlow` is called when it is unanswered for `slowMs`. */
  send(flight: Flight, onSlow: (flight: Flight) => void): Promise<unknown>
  recent(): RecentSummary
}

export function createTransport(options: TransportOptions): Transport {
  const { neighbour, slowMs, maxAnswerBytes } = options
  const gate = createGate(options.maxInFlight, options.maxQueued)
  const recent = createRecent()
  const pool = createPool(options)
  return {
    gate,
    async send(flight, onSlow) {
      const { signal } = flight
      const maxBytes = Math.min(maxAnswerBytes, flight.maxAnswerBytes)
      await gate.enter(signal)
      const startedAt = performance.now()
      const slow = setTimeout(onSlow, slowMs, flight)
      let answered = false
      try {
        // The turn may have come in the very moment of the abort.
        signal.throwIfAborted()
        const answer = await neighbourRequest(neighbour, flight.request.method, (headers) =>
          exchange(pool, flight.requestWith(headers), { signal, maxBytes }),
        )
        answered = answer.status < 500
        return flight.read(answer)
      } catch (error) {
        gate.pause(pauseAfter(error))
        throw error
      } finally {
        clearTimeout(slow)
        if (!flight.callerLeft) recent.note(performance.now() - startedAt, answered)
        gate.leave()
      }
    },
    recent: () => recent.summary(),
    [Symbol.asyncDispose]: () => pool.destroy(),
  }
}

function createPool({ origin, slowMs, maxInFlight }: TransportOptions): Pool {
  return new Pool(origin, {
    connections: maxInFlight,
    // A connection that hangs must not outlive the outage; for the rest, each call has its deadline.
    connect: { timeout: slowMs },
    headersTimeout: 0,
    bodyTimeout: 0,
    // One request to a connection: an abort ends exactly its own.
    pipelining: 1,
    allowH2: false,
  })
}

function pauseAfter(error: unknown): number {
  if (!(error instanceof StatusError)) return 0
  return error.status === 429 || error.status === 503 ? (error.retryAfterMs ?? 0) : 0
}
