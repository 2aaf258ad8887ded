import { randomUUID } from 'node:crypto'
import type { Catalog } from './catalog.ts'
import type { Clock } from './clock.ts'
import type { Database } from './database.ts'
import { duplicate, Refusal } from './replies.ts'
import { executeQuery, planQuery } from './run-query.ts'
import type { PlannedQuery, QueryRequest, QueryResult } from './run-query.ts'

export interface QueryJob {
  id: string
  request: QueryRequest
  plan: PlannedQuery
  createdAt: number
  endedAt: number | undefined
  /** Settles when the query has ended, well or not. */
  done: Promise<QueryResult | Refusal>
  /** Likewise; undefined until then. */
  outcome: QueryResult | Refusal | undefined
}

interface Deps {
  database: Database
  catalog: Catalog
  clock: Clock
}

/** Results are kept for so many queries, and in memory only. */
const keptJobs = 200

export type QueryJobs = ReturnType<typeof createQueryJobs>

export function createQueryJobs(deps: Deps) {
  const jobs = new Map<string, QueryJob>()
  const byRequestId = new Map<string, Promise<QueryJob>>()

  async function start(request: QueryRequest, id: string = `job_${randomUUID()}`) {
    if (jobs.has(id)) throw duplicate(`Job ${deps.catalog.projectId}:${id}`)
    const plan = await planQuery(deps, request)
    const done = executeQuery(deps, plan).catch((error: unknown) => asRefusal(error))
    const job: QueryJob = {
      id,
      request,
      plan,
      createdAt: deps.clock.now(),
      endedAt: undefined,
      done,
      outcome: undefined,
    }
    void done.then((outcome) => Object.assign(job, { outcome, endedAt: deps.clock.now() }))
    jobs.set(id, job)
    forgetOldest(jobs)
    return job
  }

  return {
    find: (id: string) => jobs.get(id),
    plan: (request: QueryRequest) => planQuery(deps, request),
    start,
    /** The same id of a request is the same query, so that a call may be repeated. */
    startOnce(request: QueryRequest, requestId: string | undefined): Promise<QueryJob> {
      const known = requestId === undefined ? undefined : byRequestId.get(requestId)
      if (known) return known
      const started = start(request)
      if (requestId !== undefined) {
        byRequestId.set(requestId, started)
        forgetOldest(byRequestId)
      }
      return started
    },
  }
}

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size <= keptJobs) return
  for (const oldest of map.keys()) return void map.delete(oldest)
}

function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  return new Refusal(500, 'internalError', String(error))
}
