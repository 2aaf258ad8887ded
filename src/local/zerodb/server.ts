import type { CallDetails } from '../call-log.ts'
import type { Exchange, Incoming, Reply, Service } from '../exchange.ts'
import type { Fault } from '../faults.ts'
import { startHttpServer, type HttpStandIn } from '../http-server.ts'
import { invalidApiKey, isObject, ok, projectNotFound, Refusal } from './replies.ts'
import { routeNotFound, unprocessable, type JsonObject } from './replies.ts'
import { spoilRows } from './row-faults.ts'
import { findRoute, operations, type ZeroDbOperation } from './routes.ts'
import { openStore, type Store } from './store.ts'

export interface ZeroDbServerOptions {
  /** The SQLite file, or `:memory:`. */
  file: string
  projectId: string
  apiKey: string
  /** Any free one when absent. */
  port?: number
}

export type ZeroDbServer = HttpStandIn<ZeroDbOperation>

/** ZeroDB's cloud dialect for one project, on loopback, in this process. */
export async function startZeroDbServer(options: ZeroDbServerOptions): Promise<ZeroDbServer> {
  const store = openStore(options.file, options.projectId)
  try {
    const server = await startHttpServer(createService(store, options), options.port)
    return {
      ...server,
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]()
        store.close()
      },
    }
  } catch (error) {
    store.close()
    throw error
  }
}

type Credentials = Pick<ZeroDbServerOptions, 'projectId' | 'apiKey'>

function createService(store: Store, credentials: Credentials): Service<ZeroDbOperation> {
  return {
    operations,
    accept(request) {
      if (request.path === '/health') return health
      try {
        return understand(store, credentials, request)
      } catch (error) {
        if (error instanceof Refusal) return refused(error)
        throw error
      }
    },
  }
}

const health: Exchange = {
  details: { operation: 'health' },
  apply: () => ok({ status: 'healthy' }),
}

function refused({ reply }: Refusal): Exchange {
  return { details: { operation: 'unknown' }, apply: () => reply }
}

const projectPath = /^(?:\/api)?\/v1\/projects\/([^/]+)\/(.*)$/

function understand(store: Store, credentials: Credentials, request: Incoming): Exchange {
  const [, projectId, path] = projectPath.exec(request.path) ?? []
  if (projectId === undefined || path === undefined) throw routeNotFound()
  const { route, table, rowId, fileId } = findRoute(request.method, path)
  const type = request.headers['content-type'] ?? ''
  const body = type.startsWith('multipart/form-data') ? {} : tryParse(request.body)
  const named = { ...(table && { table }), ...describe(body, rowId || fileId) }
  const details = { operation: route.operation, ...named }
  const content = { type, bytes: request.body }
  const carryOut = async (struck: readonly Fault[]): Promise<Reply> => {
    if (request.headers['x-api-key'] !== credentials.apiKey) throw invalidApiKey()
    if (projectId !== credentials.projectId) throw projectNotFound()
    if (!isObject(body)) throw unprocessable(['body'], 'JSON decode error', 'json_invalid')
    const asked = struck.some(({ kind }) => kind === 'ignoreFilter') ? unfiltered(body) : body
    const { query } = request
    return route.run({ store, table, rowId, fileId, query, body: asked, content, struck })
  }
  return {
    details,
    apply: (struck) => answer(async () => spoilRows(await carryOut(struck), struck)),
  }
}

async function answer(work: () => Promise<Reply>): Promise<Reply> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Refusal) return error.reply
    throw error
  }
}

function tryParse(body: Buffer): unknown {
  if (body.length === 0) return {}
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

function unfiltered(body: JsonObject): JsonObject {
  return { ...body, filter: {} }
}

/** The tenant and the keys that a filter or a row names, for the call log. */
function describe(body: unknown, rowId: string): Omit<CallDetails, 'operation'> {
  const named = isObject(body) ? (body['filter'] ?? body['row_data']) : undefined
  const { tenant_id: tenant, id } = isObject(named) ? named : {}
  const list = isObject(id) ? id['$in'] : id
  const keys = rowId ? [rowId] : [list].flat().filter((key) => typeof key === 'string')
  return { ...(typeof tenant === 'string' && { tenant }), ...(keys.length > 0 && { keys }) }
}
