import type { Reply } from '../exchange.ts'
import type { JsonObject } from './replies.ts'
import type { Store } from './store.ts'

/** A request with its address taken apart. */
export interface RouteRequest {
  store: Store
  /** The name in the address, empty where the route has none. */
  table: string
  /** Likewise. */
  rowId: string
  query: URLSearchParams
  body: JsonObject
}

/** Answers a request of one route, or throws a Refusal. */
export type Handler = (request: RouteRequest) => Reply
