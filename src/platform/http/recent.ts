const size = 256

export interface RecentSummary {
  /** Share of the recent requests that failed, 0 to 1. */
  errorRate: number
  /** Of the recent requests that were answered, in milliseconds; 0 when there are none. */
  p50Ms: number
  p95Ms: number
}

/** The last 256 requests: cheap to note on every one, summed up only when somebody asks. */
export interface Recent {
  note(durationMs: number, ok: boolean): void
  summary(): RecentSummary
}

export function createRecent(): Recent {
  const durations = new Float64Array(size)
  let noted = 0
  return {
    note(durationMs, ok) {
      durations[noted++ % size] = ok ? durationMs : Number.NaN
    },
    summary() {
      const kept = durations.subarray(0, Math.min(noted, size))
      const answered = kept.filter((duration) => !Number.isNaN(duration)).sort()
      const quantile = (q: number) => answered[Math.ceil(answered.length * q) - 1] ?? 0
      return {
        errorRate: kept.length === 0 ? 0 : 1 - answered.length / kept.length,
        p50Ms: quantile(0.5),
        p95Ms: quantile(0.95),
      }
    },
  }
}
