import { Refusal } from './refusal.ts'

/** A pause up to this long is waited for; a longer one is an answer. */
const patienceMs = 1_000

/**
 * Lets `maxInFlight` calls through at a time and nobody during a pause; the others wait in order,
 * at most `maxQueued` of them. Unlike a semaphore its waiting room hears aborts: a caller whose
 * time is up leaves at once and frees the place.
 */
export interface Gate {
  /** Throws `throttled` when a pause will outlast the patience of a caller who can wait `ms`. */
  check(ms: number): void
  /** Resolves when the call may go; whoever entered must `leave`. Rejects with the abort's reason. */
  enter(signal: AbortSignal): Promise<void>
  leave(): void
  /** Closes the gate for `ms`; when that is long, those who wait are sent away. */
  pause(ms: number): void
  /** What is left of the pause, 0 when there is none. */
  pausedMs(): number
  /** Calls let through and not yet back, and calls waiting. */
  readonly inFlight: number
  readonly queued: number
}

export function createGate(maxInFlight: number, maxQueued: number): Gate {
  const waiting = new Set<Waiter>()
  let inFlight = 0
  let pausedUntil = 0
  const pausedMs = () => Math.max(0, pausedUntil - performance.now())
  const isOpen = () => inFlight < maxInFlight && pausedMs() === 0

  const check = (ms: number) => {
    const left = pausedMs()
    if (left > Math.min(patienceMs, ms / 2)) throw pauseRefusal(left)
  }

  const admit = () => {
    for (const waiter of waiting) {
      if (!isOpen()) return
      waiting.delete(waiter)
      inFlight++
      waiter.go()
    }
  }

  const wait = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const leave = () => waiter.refuse(signal.reason)
      const waiter: Waiter = {
        go() {
          signal.removeEventListener('abort', leave)
          resolve()
        },
        refuse(reason) {
          waiting.delete(waiter)
          signal.removeEventListener('abort', leave)
          reject(reason as Error)
        },
      }
      waiting.add(waiter)
      signal.addEventListener('abort', leave)
    })

  return {
    check,
    async enter(signal) {
      signal.throwIfAborted()
      if (isOpen()) {
        inFlight++
        return
      }
      if (waiting.size >= maxQueued) {
        throw new Refusal('overloaded', `${maxQueued} calls are waiting already`)
      }
      await wait(signal)
    },
    leave() {
      inFlight--
      admit()
    },
    pause(ms) {
      const until = performance.now() + ms
      if (until <= pausedUntil) return
      pausedUntil = until
      if (ms > patienceMs) for (const waiter of waiting) waiter.refuse(pauseRefusal(ms))
      // One millisecond more: timers may fire a fraction early, and then nobody would open the gate.
      setTimeout(admit, ms + 1).unref()
    },
    pausedMs,
    get inFlight() {
      return inFlight
    },
    get queued() {
      return waiting.size
    },
  }
}

interface Waiter {
  go(): void
  refuse(reason: unknown): void
}

function pauseRefusal(leftMs: number): Refusal {
  return new Refusal('throttled', 'asked for a pause', Math.ceil(leftMs))
}
