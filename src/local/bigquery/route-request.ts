import type { z } from 'zod'
import type { Reply } from '../exchange.ts'
import type { Fault } from '../faults.ts'
import type { Catalog } from './catalog.ts'
import type { Clock } from './clock.ts'
import type { Database } from './database.ts'
import type { Place } from './job-resource.ts'
import type { LoadJobs } from './load-jobs.ts'
import type { QueryJobs } from './query-jobs.ts'
import { invalid } from './replies.ts'
import type { ResumableUploads } from './resumable-uploads.ts'

export interface State {
  place: Place
  database: Database
  catalog: Catalog
  loads: LoadJobs
  queries: QueryJobs
  resumables: ResumableUploads
  clock: Clock
  /** Of this server, to tell clients where to go on. */
  origin(): string
}

/** A request with its address taken apart. */
export interface RouteRequest {
  state: State
  /** From the address; empty where the route has none. */
  dataset: string
  table: string
  job: string
  query: URLSearchParams
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: Buffer
  /** The body as JSON, empty when there is none. */
  json: unknown
  struck: readonly Fault[]
}

/** Answers a request of one route, or throws a Refusal. */
export type Handler = (request: RouteRequest) => Reply | Promise<Reply>

/** Reads what was sent; what the stand-in does not know is refused, not overlooked. */
export function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const { data, error } = schema.safeParse(value)
  if (!error) return data
  const { path, message } = error.issues[0] ?? { path: [], message: 'unknown' }
  throw invalid(`Invalid value at '${path.join('.')}': ${message}`, path.join('.'))
}
