/** Calls under way, and the most there were at once. */
export interface Reading {
  now: number
  most: number
}

export interface Gauge {
  /** Counts a call in; the result counts it out, once. */
  enter(caller: string): () => void
  /** Of one caller, or of all together. */
  read(caller?: string): Reading
  /** By caller, of whom no more is named than the end. */
  list(): Record<string, Reading>
}

const shownCharacters = 4

export function createGauge(): Gauge {
  const total: Reading = { now: 0, most: 0 }
  const callers = new Map<string, Reading>()
  return {
    enter(caller) {
      const own = callers.get(caller) ?? { now: 0, most: 0 }
      callers.set(caller, own)
      for (const reading of [total, own]) reading.most = Math.max(reading.most, ++reading.now)
      let inside = true
      return () => {
        if (!inside) return
        inside = false
        total.now--
        own.now--
      }
    },
    read: (caller) =>
      caller === undefined ? { ...total } : { now: 0, most: 0, ...callers.get(caller) },
    list() {
      const named = [...callers].map(([caller, reading]) => [endOf(caller), reading] as const)
      return Object.fromEntries([['all', total] as const, ...named])
    },
  }
}

function endOf(caller: string): string {
  return `…${caller.slice(-shownCharacters)}`
}
