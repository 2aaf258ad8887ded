const size = 256
/** What was longer ago says nothing about now, and a quiet neighbour would be ill for ever. */
const windowMs = 60_000
/** An answer that takes longer is a slow one (E-196). */
export const slowAnswerMs = 500

/** Of all requests since the process began; what lies between two looks is their difference. */
export interface RequestTotals {
  requests: number
  failures: number
  /** Answered, and slowly. */
  slow: number
}

export interface RecentSummary {
  /** Share of the recent requests that failed, 0 to 1. */
  errorRate: number
  /** Of the recent requests that were answered, in milliseconds; 0 when there are none. */
  p50Ms: number
  p95Ms: number
  p99Ms: number
  /** How long ago the last one ended; infinite when there was none. */
  idleMs: number
  /** How long ago the last one was answered; infinite when none was. */
  silentMs: number
  /** Whether the last one was answered; true when there was none. */
  lastOk: boolean
  totals: RequestTotals
}

/** The last 256 requests of the last minute: cheap to note on every one, summed up only when somebody asks. */
export interface Recent {
  note(durationMs: number, ok: boolean): void
  summary(): RecentSummary
}

export function createRecent(): Recent {
  const durations = new Float64Array(size)
  const endings = new Float64Array(size)
  let noted = 0
  let failures = 0
  let slow = 0
  let lastAt = Number.NEGATIVE_INFINITY
  let answeredAt = Number.NEGATIVE_INFINITY
  let lastOk = true
  return {
    note(durationMs, ok) {
      lastAt = performance.now()
      lastOk = ok
      if (ok) answeredAt = lastAt
      else failures++
      if (ok && durationMs > slowAnswerMs) slow++
      endings[noted % size] = lastAt
      durations[noted++ % size] = ok ? durationMs : Number.NaN
    },
    summary() {
      const now = performance.now()
      const kept = durations
        .subarray(0, Math.min(noted, size))
        .filter((_, index) => (endings[index] ?? 0) > now - windowMs)
      const answered = kept.filter((duration) => !Number.isNaN(duration)).sort()
      const quantile = (q: number) => answered[Math.ceil(answered.length * q) - 1] ?? 0
      return {
        errorRate: kept.length === 0 ? 0 : 1 - answered.length / kept.length,
        p50Ms: quantile(0.5),
        p95Ms: quantile(0.95),
        p99Ms: quantile(0.99),
        idleMs: now - lastAt,
        silentMs: now - answeredAt,
        lastOk,
        totals: { requests: noted, failures, slow },
      }
    },
  }
}
