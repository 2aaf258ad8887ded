import type { CallFacts } from './faults.ts'

/** What a stand-in understood of a request. */
export interface CallDetails extends CallFacts {
  /** The tenant named by the filter or the row, if any. */
  tenant?: string
  /** The keys or ids asked for or written. */
  keys?: readonly string[]
  /** The statement asked for, and its parameters by name. */
  sql?: string
  params?: Readonly<Record<string, unknown>>
}

/** One request as it was received; `status` is null until answered, and for ever if it never is. */
export interface Call extends CallDetails {
  at: string
  method: string
  path: string
  status: number | null
  /** The kinds of the faults that struck, joined by `+`. */
  fault?: string
}

const maxCalls = 10_000
const dropped = 1_000

/** Appends to a log that keeps about the last ten thousand calls. */
export function recordCall(calls: Call[], call: Call): Call {
  if (calls.length >= maxCalls) calls.splice(0, dropped)
  calls.push(call)
  return call
}
