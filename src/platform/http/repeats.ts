import { isTransient } from './failures.ts'
import type { Flight } from './flight.ts'

/** Repeats earned per call: a neighbour that fails every time sees at most this much more. */
const share = 0.1
/** Repeats that may be saved up while all goes well. */
const mostSaved = 10
const maxAttempts = 3
const firstBackoffMs = 100
/** A pause longer than this is the caller's business, not ours. */
const longestDelayMs = 1_000

/** Decides who is sent again, and when: an outage must not be multiplied by those who suffer it. */
export interface Repeats {
  /** Every call earns a tenth of a repeat. */
  earn(): void
  /** Undefined when the call must not, or cannot in time, be sent again. Spends from the budget. */
  delayMs(flight: Flight, error: unknown, attempt: number): number | undefined
}

/** `pausedMs` is what is left of a pause the neighbour asked for. */
export function createRepeats(pausedMs: () => number): Repeats {
  let saved = 1
  return {
    earn() {
      saved = Math.min(mostSaved, saved + share)
    },
    delayMs(flight, error, attempt) {
      if (attempt === maxAttempts || flight.signal.aborted || !isTransient(error)) return undefined
      if (flight.effect === 'once' && flight.uncertain) return undefined
      const backoffMs = firstBackoffMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)
      const delayMs = Math.max(backoffMs, pausedMs())
      if (delayMs > Math.min(longestDelayMs, flight.leftMs) || saved < 1) return undefined
      saved--
      return delayMs
    },
  }
}
