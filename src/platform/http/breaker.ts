import {
  BrokenCircuitError,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel'
import { UpstreamError } from '../../lib/errors.ts'
import { Refusal } from './refusal.ts'

export type BreakerState = 'closed' | 'open' | 'halfOpen'

export interface BreakerOptions {
  /** Failures in a row that open it. */
  maxFailures: number
  /** How long it refuses calls before one is let through to probe. */
  openMs: number
  onOpen: (refusal: Refusal) => void
}

export interface Breaker {
  readonly state: BreakerState
  /** When it entered that state. */
  readonly since: Date
  /** Runs the call, or throws a Refusal without running it. */
  run<T>(call: () => Promise<T>): Promise<T>
  /** Counts a call that is still awaited; twice, for it is a failure that holds a place as well. */
  countSlow(): void
}

export function createBreaker({ maxFailures, openMs, onOpen }: BreakerOptions): Breaker {
  let since = new Date()
  // A probe must prove health: one whose caller leaves, or whose time is up, proves nothing.
  const isFailure = (error: unknown) =>
    policy.state === CircuitState.HalfOpen ? !isAnswer(error) : isFault(error)
  const policy = circuitBreaker(handleWhen(isFailure), {
    halfOpenAfter: openMs,
    breaker: new ConsecutiveBreaker(maxFailures),
  })
  const refusal = () => {
    const waitMs =
      policy.state === CircuitState.Open ? since.getTime() + openMs - Date.now() : openMs
    return new Refusal('unavailable', 'given up after failures in a row', Math.max(1, waitMs))
  }
  policy.onStateChange(() => {
    since = new Date()
  })
  policy.onBreak(() => onOpen(refusal()))

  return {
    get state() {
      return stateNames[policy.state]
    },
    get since() {
      return since
    },
    async run(call) {
      // The library would park us here until the probe is decided.
      if (policy.state === CircuitState.HalfOpen) throw refusal()
      try {
        return await policy.execute(call)
      } catch (error) {
        throw error instanceof BrokenCircuitError ? refusal() : error
      }
    },
    countSlow() {
      for (const _ of [1, 2]) policy.execute(() => Promise.reject(slowness)).catch(() => undefined)
    },
  }
}

const stateNames = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.HalfOpen]: 'halfOpen',
  [CircuitState.Open]: 'open',
  [CircuitState.Isolated]: 'open',
} as const

const slowness = new Error('slow')

/** 4xx is our mistake and 429 our pace: somebody is there and answers. */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof UpstreamError)) return false
  return error.failure === 'rejected' || error.failure === 'throttled'
}

/**
 * A call that timed out was counted as slow before, unless its caller was hasty. An abort is the
 * caller leaving, and `overloaded` our own queue: neither says that the service is unwell.
 */
function isFault(error: unknown): boolean {
  if (!(error instanceof UpstreamError)) return error === slowness
  return error.failure === 'unavailable' || error.failure === 'malformed'
}
