import type { Exchange, Incoming, Reply, Service } from '../exchange.ts'
import { startHttpServer, type HttpStandIn } from '../http-server.ts'
import { openCatalog } from './catalog.ts'
import { createClock, moveClock, showClock, type Clock } from './clock.ts'
import { openDatabase } from './database.ts'
import { openLoadJobs, type LoadLimits } from './load-jobs.ts'
import { parseMetadata } from './multipart.ts'
import { createQueryJobs } from './query-jobs.ts'
import { Refusal, unauthenticated, wordFault } from './replies.ts'
import type { State } from './route-request.ts'
import { findRoute, operations, type BigQueryOperation } from './routes.ts'
import { createResumableUploads } from './resumable-uploads.ts'

export interface BigQueryServerOptions extends Partial<LoadLimits> {
  /** DuckDB's file, or `:memory:`. */
  file: string
  projectId: string
  /** The only access token it takes. */
  token: string
  /** Any free one when absent. */
  port?: number
}

export interface BigQueryServer extends HttpStandIn<BigQueryOperation> {
  /** What the days of the limits go by; at `/__clock` too. */
  clock: Clock
  /** May be changed at any time; holds for the calls that come after. */
  limits: LoadLimits
}

const location = 'US'
const maxUploadBytes = 128 * 1024 ** 2
/** https://cloud.google.com/bigquery/quotas#load_jobs */
const usualLimits: LoadLimits = { loadJobsPerTableAndDay: 1_500 }

/** BigQuery's REST API for one project, on loopback, in this process. */
export async function startBigQueryServer(options: BigQueryServerOptions): Promise<BigQueryServer> {
  const { file, projectId, token, port, ...given } = options
  const clock = createClock()
  const limits = { ...usualLimits, ...given }
  const database = await openDatabase(file)
  try {
    const catalog = await openCatalog(database, projectId)
    const deps = { database, catalog, clock, limits }
    let origin = ''
    const state: State = {
      place: { projectId, location },
      ...deps,
      loads: await openLoadJobs(deps),
      queries: createQueryJobs(deps),
      resumables: createResumableUploads(),
      origin: () => origin,
    }
    const server = await startHttpServer(createService(state, token), port)
    origin = server.url
    return {
      ...server,
      clock,
      limits,
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]()
        await database.close()
      },
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

function createService(state: State, token: string): Service<BigQueryOperation> {
  return {
    operations,
    maxBodyBytes: maxUploadBytes,
    panel: { '/__clock': () => showClock(state.clock) },
    settings: { '/__clock': (value) => moveClock(state.clock, value) },
    accept(request) {
      try {
        return understand(state, token, request)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        return { details: { operation: 'unknown' }, apply: () => error.reply, wordFault }
      }
    },
  }
}

function understand(state: State, token: string, request: Incoming): Exchange {
  const { headers, body, query } = request
  const { route, projectId, ...address } = findRoute(request.method, request.path)
  const isJson = !headers['content-type']?.includes('multipart/') && route.method !== 'PUT'
  const json = isJson ? parseMetadata(body) : {}
  const table = address.table !== '' && { table: address.table }
  const details = {
    operation: route.operation,
    ...table,
    ...route.describe?.({ headers, body, json }),
  }
  return {
    details,
    wordFault,
    apply: (struck) =>
      answer(async () => {
        if (headers.authorization !== `Bearer ${token}`) throw unauthenticated()
        if (projectId !== state.place.projectId) throw unknownProject(projectId)
        return route.run({ state, ...address, query, headers, body, json, struck })
      }),
  }
}

const unknownProject = (projectId: string) =>
  new Refusal(404, 'notFound', `The project ${projectId} has not enabled BigQuery.`)

async function answer(work: () => Promise<Reply>): Promise<Reply> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Refusal) return error.reply
    throw error
  }
}
