import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'

/** How a call went, as far as it concerns the calls after it. The first and the last may differ. */
export interface Pass extends Disposable {
  /** An answer has begun that is no failure: somebody is there. */
  answered(): void
  /** The answer came to its end. */
  served(): void
  /** No answer, or one that says the provider is unwell. */
  failed(): void
  /** The provider asks for a pause, of `ms` if it says so. */
  throttled(ms?: number): void
}

/**
 * Where calls with one key to one provider wait while it wants none. After a pause exactly one of
 * them probes; the others go when that is answered, or wait on. Failures in a row close it too, so
 * that an outage meets one call at a time.
 */
export interface Gate {
  /** Resolves with undefined after `patienceMs`; rejects with the signal's reason. */
  enter(signal: AbortSignal, patienceMs: number): Promise<Pass | undefined>
  /** What is left of the pause, in milliseconds. */
  pausedMs(): number
}

const maxFailures = 5
const shortestPauseMs = 250
const firstPauseMs = 1_000
const longestPauseMs = 30_000

interface Waiter {
  go(pass: Pass | undefined): void
}

function createGate(): Gate {
  const waiting = new Set<Waiter>()
  let open = true
  let probing = false
  let pausedUntil = 0
  let failures = 0
  /** Pauses since the last answer that came to its end. */
  let pauses = 0

  const pausedMs = () => Math.max(0, pausedUntil - performance.now())

  const admit = () => {
    for (const waiter of waiting) {
      if (!open && (probing || pausedMs() > 0)) return
      waiting.delete(waiter)
      waiter.go(createPass())
    }
  }

  /** Looks at the clock again: timers may fire a fraction early, and then nobody would probe. */
  const wake = () => {
    const leftMs = pausedMs()
    if (leftMs > 0) setTimeout(wake, Math.ceil(leftMs)).unref()
    else admit()
  }

  const pause = (ms: number) => {
    pausedUntil = Math.max(pausedUntil, performance.now() + ms)
    wake()
  }

  const close = (ms?: number) => {
    open = false
    pauses++
    // "After 0 seconds" repeated would be a busy loop.
    pause(ms ? Math.max(ms, shortestPauseMs) : backoffMs(pauses))
  }

  const createPass = (): Pass => {
    let isProbe = !open
    if (isProbe) probing = true
    const endProbe = () => {
      if (isProbe) probing = false
      isProbe = false
    }
    const answered = () => {
      // A call from before the pause proves nothing about its end.
      if (!isProbe) return
      open = true
      endProbe()
      admit()
    }
    return {
      answered,
      served() {
        answered()
        failures = 0
        if (open) pauses = 0
      },
      failed() {
        failures++
        if (isProbe || (open && failures >= maxFailures)) close()
        endProbe()
      },
      throttled(ms) {
        if (isProbe || open) close(ms)
        else if (ms !== undefined) pause(ms)
        endProbe()
      },
      [Symbol.dispose]() {
        // Its caller left before anything was known: the next one probes.
        if (!isProbe) return
        endProbe()
        admit()
      },
    }
  }

  return {
    pausedMs,
    async enter(signal, patienceMs) {
      signal.throwIfAborted()
      if (open || (!probing && pausedMs() === 0)) return createPass()
      return wait(waiting, signal, patienceMs)
    },
  }
}

function wait(waiting: Set<Waiter>, signal: AbortSignal, patienceMs: number) {
  return new Promise<Pass | undefined>((resolve, reject) => {
    const leave = () => {
      reject(signal.reason as Error)
      waiter.go(undefined)
    }
    const waiter: Waiter = {
      go(pass) {
        waiting.delete(waiter)
        clearTimeout(patience)
        signal.removeEventListener('abort', leave)
        resolve(pass)
      },
    }
    const patience = setTimeout(() => waiter.go(undefined), patienceMs)
    signal.addEventListener('abort', leave)
    waiting.add(waiter)
  })
}

function backoffMs(pauses: number): number {
  const ms = Math.min(longestPauseMs, firstPauseMs * 2 ** (pauses - 1))
  return ms * (0.5 + Math.random() / 2)
}

const maxGates = 10_000

/** One gate for each provider, address and key. Keys are remembered as hashes only. */
export function createGates() {
  const gates = new LRUCache<string, Gate>({ max: maxGates })
  return (...parts: readonly string[]): Gate => {
    const name = createHash('sha256').update(JSON.stringify(parts)).digest('base64')
    const known = gates.get(name)
    if (known) return known
    const gate = createGate()
    gates.set(name, gate)
    return gate
  }
}
