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
  /** Makes it an event stream: its events leave so many milliseconds apart. */
  eventMs?: number
  headers?: Readonly<Record<string, string>>
}

/** A request understood but not yet carried out: faults may come between the two. */
export interface Exchange {
  details: CallDetails
  /** What faults may look for, when that is too long for the log. */
  text?: string
  /** How long the work takes, in milliseconds. */
  workMs?: number
  /** Carries it out, acting out those of the faults that concern the content of the answer. */
  apply(struck: readonly Fault[]): Reply | Promise<Reply>
  /** The neighbour's own words for a status that a fault switch answers with. */
  wordFault?(status: number): unknown
  /** Called when the answer has left, or nobody waits for it any more. */
  settled?(): void
}

/** What a stand-in does behind the HTTP it shares with the others. */
export interface Service<Operation extends string> {
  /** The words that faults may name. */
  operations: readonly Operation[]
  /** What it shows beside the switches and the log, by path. */
  panel?: Readonly<Record<string, () => unknown>>
  /** What may be set beside the switches, by path; throws a ZodError on what it cannot take. */
  settings?: Readonly<Record<string, (value: unknown) => unknown>>
  /** Of a request; 16 MiB when absent. */
  maxBodyBytes?: number
  accept(request: Incoming): Exchange
}
