/** What one GraphQL operation cost in calls; shown to the caller on request (`x-explain: 1`). */
export interface Plan {
  /** Round trips for reads, and transactions for writes. */
  postgres: number
  /** Requests to ZeroDB that carried at least one key of this operation. */
  zerodb: number
  /** Queries of the recovery copy that did. */
  bigquery: number
  /** Bodies served from memory. */
  cacheHits: number
  /** Items of lists of objects. */
  nodes: number
}

export function newPlan(): Plan {
  return { postgres: 0, zerodb: 0, bigquery: 0, cacheHits: 0, nodes: 0 }
}
