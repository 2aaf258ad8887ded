/** Lets work through at a pace; throws what `refuse` makes when too many wait already. */
export interface Bulkhead {
  /** Rejects with the signal's reason when it aborts before the work has begun. */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
}

export interface BulkheadOptions {
  maxInFlight: number
  /** Begun within any second. */
  maxPerSecond: number
  maxWaiting: number
  refuse: () => Error
}

/** First come, first served: whoever asks one thing at a time has the same share as everybody else. */
export function createBulkhead(options: BulkheadOptions): Bulkhead {
  const { maxInFlight, maxPerSecond, maxWaiting, refuse } = options
  const waiting = new Set<() => void>()
  /** When the latest began, oldest first; as many as one second holds. */
  const begun: number[] = []
  let inFlight = 0
  let timer: NodeJS.Timeout | undefined

  const restMs = () => {
    const oldest = begun.length < maxPerSecond ? undefined : begun[0]
    return oldest === undefined ? 0 : Math.max(0, oldest + 1_000 - performance.now())
  }
  const begin = () => {
    inFlight++
    begun.push(performance.now())
    if (begun.length > maxPerSecond) begun.shift()
  }
  const admit = () => {
    for (const go of waiting) {
      if (inFlight >= maxInFlight) return
      const ms = restMs()
      // One millisecond more: timers may fire a fraction early.
      if (ms > 0) return wake(ms + 1)
      waiting.delete(go)
      begin()
      go()
    }
  }
  const wake = (ms: number) => {
    timer ??= setTimeout(() => {
      timer = undefined
      admit()
    }, ms)
  }
  const enter = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        waiting.delete(go)
        reject(signal.reason as Error)
      }
      waiting.add(go)
      signal.addEventListener('abort', leave, { once: true })
      admit()
    })

  return {
    async run(signal, work) {
      signal.throwIfAborted()
      if (waiting.size >= maxWaiting) throw refuse()
      await enter(signal)
      try {
        return await work()
      } finally {
        inFlight--
        admit()
      }
    },
  }
}
