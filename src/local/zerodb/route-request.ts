import type { Fault } from '../faults.ts'
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
  /** Likewise. */
  fileId: string
  query: URLSearchParams
  body: JsonObject
  /** The faults that concern what is done, rather than what is answered. */
  struck: readonly Fault[]
  /** What was sent, for what is no JSON, and its media type. */
  content: { type: string; bytes: Buffer }
}

/** Answers a request of one route, or throws a Refusal. */
export type Handler = (request: RouteRequest) => Reply | Promise<Reply>
