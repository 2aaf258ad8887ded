/** How an operation stands with the limits of whoever sent it; in `extensions.cost` of its answer. */
export interface CostReport {
  /** Points that were charged before it began. */
  requested: number
  /** Points that it came to; the rest was given back. */
  actual: number
  /** Of the bucket that has the least left. */
  limit: number
  remaining: number
  restorePerSecond: number
}

/** What was taken for one operation. */
export interface Charge {
  /** As estimated. */
  readonly nodes: number
  /** How things stand now. */
  report(): CostReport
  /** Gives back what short lists did not use, once; `nodes` is how many items they had. */
  settle(nodes: number): CostReport
}
