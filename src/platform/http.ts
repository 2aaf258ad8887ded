import { setTimeout as delay } from 'node:timers/promises'
import { createBreaker, type BreakerState } from './http/breaker.ts'
import type { Answer } from './http/exchange.ts'
import { StatusError, explain, isUncertain, readBytes, readJson } from './http/failures.ts'
import { Flight, type HttpCall } from './http/flight.ts'
import type { RecentSummary } from './http/recent.ts'
import { Refusal } from './http/refusal.ts'
import { createRepeats } from './http/repeats.ts'
import { createTransport } from './http/transport.ts'

export { StatusError, type HttpCall }

export interface HttpOptions {
  /** Its name in errors and logs. */
  neighbour: string
  /** Scheme, host and port. */
  origin: string
  /** The whole call: waiting, repeats and reading the answer. */
  timeoutMs?: number
  /** A request unanswered for so long counts as a failure, though its caller goes on waiting. */
  slowMs?: number
  /** Requests at a time, and calls that may wait for their turn. */
  maxInFlight?: number
  maxQueued?: number
  /** Failures in a row that open the breaker, or half as many slow calls; at most `maxInFlight`. */
  maxFailures?: number
  /** How long the open breaker refuses calls before one is let through to probe. */
  openMs?: number
  maxAnswerBytes?: number
}

export interface HttpHealth extends RecentSummary {
  state: BreakerState
  /** When it entered that state. */
  since: Date
  inFlight: number
  queued: number
  /** What is left of a pause the neighbour asked for. */
  pausedMs: number
}

/** One neighbour: one connection pool, one breaker, one queue. */
export interface Http extends AsyncDisposable {
  /**
   * The JSON of the answer, `null` when it is empty. Fails with an UpstreamError, whose cause is a
   * StatusError when there was an answer; or, when the caller left, with its signal's reason.
   */
  json(call: HttpCall): Promise<unknown>
  /** The same for what is no JSON; an answer longer than `maxAnswerBytes` is broken off. */
  bytes(call: HttpCall): Promise<Buffer>
  health(): HttpHealth
}

/**
 * breaker(repeats(queue(request))). Of these only the breaker is a library's: a waiting room and a
 * delay must hear aborts, and repeats need a budget. The queue is inside, so an open breaker refuses
 * at once, and our own queue being full is not held against the neighbour. Opening ends every call
 * under way: nobody waits out a neighbour given up, and its recovery finds free places.
 */
export function createHttp(options: HttpOptions): Http {
  const { neighbour, timeoutMs, openMs, maxFailures, ...rest } = { ...defaults, ...options }
  // A call is judged while it is still awaited.
  const slowMs = Math.min(rest.slowMs, timeoutMs / 2)
  const transport = createTransport({ neighbour, ...rest, slowMs })
  const { gate } = transport
  const repeats = createRepeats(gate.pausedMs)
  const underWay = new Set<Flight>()
  const breaker = createBreaker({
    maxFailures: Math.min(maxFailures, rest.maxInFlight),
    openMs,
    onOpen: (refusal) => underWay.forEach((flight) => flight.end(refusal)),
  })

  const onSlow = (flight: Flight) => {
    if (breaker.state === 'closed') breaker.countSlow()
    else flight.end(new Refusal('timeout', 'no answer to a probe', openMs))
  }

  const attempts = async (flight: Flight): Promise<unknown> => {
    repeats.earn()
    for (let attempt = 1; ; attempt++) {
      try {
        return await transport.send(flight, onSlow)
      } catch (error) {
        flight.uncertain ||= flight.effect !== 'none' && isUncertain(error)
        if (flight.callerLeft) throw flight.signal.reason
        const waitMs =
          breaker.state === 'closed' ? repeats.delayMs(flight, error, attempt) : undefined
        if (waitMs === undefined) throw explain(neighbour, error, flight.uncertain)
        // An abort meanwhile is met again at the gate.
        await delay(waitMs, undefined, { signal: flight.signal }).catch(() => undefined)
      }
    }
  }

  const perform = async <T>(call: HttpCall, read: (answer: Answer) => T): Promise<T> => {
    const waitMs = Math.min(call.deadlineMs ?? timeoutMs, timeoutMs)
    using flight = new Flight(call, waitMs, read)
    underWay.add(flight)
    try {
      flight.signal.throwIfAborted()
      gate.check(waitMs)
      return (await breaker.run(() => attempts(flight))) as T
    } catch (error) {
      throw error instanceof Refusal ? explain(neighbour, error, false) : error
    } finally {
      underWay.delete(flight)
    }
  }

  return {
    json: (call) => perform(call, readJson),
    bytes: (call) => perform(call, readBytes),
    health: () => ({
      ...transport.recent(),
      state: breaker.state,
      since: breaker.since,
      inFlight: gate.inFlight,
      queued: gate.queued,
      pausedMs: Math.ceil(gate.pausedMs()),
    }),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  }
}

const defaults = {
  timeoutMs: 15_000,
  slowMs: 1_500,
  openMs: 1_000,
  maxInFlight: 32,
  maxQueued: 256,
  maxFailures: 8,
  maxAnswerBytes: 32 * 1024 ** 2,
}
