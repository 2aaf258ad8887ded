import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/**
 * Of this process, whatever runs in it. Labels are words of ours: never an id, a name or anything else
 * that a client chose.
 */
export const registry = new Registry()

/** Memory, processor time, event loop and garbage collection; measured from now on. */
export function measureProcess(): void {
  collectDefaultMetrics({ register: registry, prefix: 'gateway_' })
}

/** Seconds, for what a request waits for. */
const quick = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** Seconds, for what a worker waits for. */
const slow = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

/** Notes that something begun at `startedAt` (`performance.now()`) has ended. */
export type Durations = (labels: readonly string[], startedAt: number) => void

/** How often something happened, how it ended and how long it took. */
export function durations(
  name: string,
  help: string,
  labelNames: readonly string[],
  pace: 'quick' | 'slow' = 'quick',
): Durations {
  const histogram = new Histogram({
    name: `gateway_${name}_duration_seconds`,
    help,
    labelNames: [...labelNames, 'outcome'],
    buckets: pace === 'quick' ? quick : slow,
    registers: [registry],
  })
  const bound = new Map<string, Histogram.Internal<string>>()
  return (labels, startedAt) => {
    const key = labels.join(' ')
    let series = bound.get(key)
    if (!series) {
      series = histogram.labels(...labels)
      bound.set(key, series)
    }
    series.observe((performance.now() - startedAt) / 1_000)
  }
}

export function counter(name: string, help: string, label: string): Counter {
  return new Counter({
    name: `gateway_${name}_total`,
    help,
    labelNames: [label],
    registers: [registry],
  })
}

export function gauge(name: string, help: string, ...labelNames: string[]): Gauge {
  return new Gauge({ name: `gateway_${name}`, help, labelNames, registers: [registry] })
}

/** Plain numbers, for they grow with every field; read when somebody asks. */
export interface CacheCounts {
  hits: number
  misses: number
}

const caches = new Map<string, CacheCounts>()

export function cacheCounts(cache: string): CacheCounts {
  const counts = { hits: 0, misses: 0 }
  caches.set(cache, counts)
  return counts
}

new Counter({
  name: 'gateway_cache_lookups_total',
  help: 'Bodies asked for in memory, by whether they were there.',
  labelNames: ['cache', 'result'],
  registers: [registry],
  collect() {
    this.reset()
    for (const [cache, { hits, misses }] of caches) {
      this.inc({ cache, result: 'hit' }, hits)
      this.inc({ cache, result: 'miss' }, misses)
    }
  },
})
