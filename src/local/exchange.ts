import type { IncomingHttpHeaders } from 'node:http'
import type { CallDetails } from './call-log.ts'
import type { Fault } from './faults.ts'

export interface Incoming {
  method: string
  /** Without the query string. */
  path: string
  query: URLSearchParams
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface Reply {
  status: number
  body: string | Uint8Array
  headers?: Readonly<Record<string, string>>
}

/** A request understood but not yet carried out: faults may come between the two. */
export interface Exchange {
  details: CallDetails
  /** Carries it out, acting out those of the faults that concern the content of the answer. */
  apply(struck: readonly Fault[]): Reply
}

/** What a stand-in does behind the HTTP it shares with the others. */
export interface Service<Operation extends string> {
  /** The words that faults may name. */
  operations: readonly Operation[]
  accept(request: Incoming): Exchange
}
