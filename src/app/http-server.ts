import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { hasKey } from '../features/partners/key-text.ts'
import type { Services } from '../platform/services.ts'
import { continueTrace } from '../platform/telemetry/tracing.ts'
import { sendJson } from './answer.ts'
import { createEndpoint } from './endpoint.ts'
import { createGraphqlHandler } from './graphql-handler.ts'
import { graphiqlPage } from './graphiql.ts'
import { createPlaces } from './places.ts'
import { createProbes, type Handler } from './probes.ts'
import { HttpError } from './read-body.ts'
import { toSchema } from './schema.ts'
import { createSockets } from './sockets.ts'
import { createStreams, wantsStream } from './streams.ts'

export interface HttpServerOptions {
  services: Services
  /**
   * Aborts when the process is to stop: from then on it is not ready, answers end their connections,
   * and sockets and streams, which would never end by themselves, are ended.
   */
  stop: AbortSignal
  /** Over how long they are ended, so that not all clients come again at once. */
  endingMs: number
  /** A token for people who open GraphiQL in development; without one the page is not served. */
  explorerToken?: string
}

/** Sockets and streams of one tenant. */
const maxConnections = 100

export interface GatewayServer extends Server {
  /** Writes what is known in memory only; comes when it has closed. */
  settle(): Promise<void>
}

/** The gateway's HTTP side, not yet listening: /graphql, GraphiQL, and what a platform probes. */
export function createHttpServer(options: HttpServerOptions): GatewayServer {
  const { services, stop, endingMs, explorerToken } = options
  const endpoint = createEndpoint(toSchema(), services)
  const tenants = createPlaces(maxConnections)
  const sockets = createSockets(endpoint, tenants, { stop, endingMs })
  const streams = createStreams(endpoint, tenants, { stop, endingMs })
  const graphql = createGraphqlHandler(endpoint)
  const explorer = explorerToken === undefined ? undefined : graphiqlPage(explorerToken)
  const routes: Record<string, Handler> = {
    ...createProbes(services, stop),
    '/graphql': (request, response) => {
      if (explorer && wantsPage(request)) return sendPage(response, explorer)
      const answer = wantsStream(request) ? streams.answer : graphql
      return continueTrace(request.headers, () => answer(request, response))
    },
  }
  if (explorer) routes['/'] = (_request, response) => sendPage(response, explorer)

  const server = createServer({ shouldUpgradeCallback: wantsSocket }, (request, response) => {
    if (hasKey(request.url ?? '')) return fail(services, response, keyInAddress)
    const route = routes[pathOf(request.url)]
    if (!route) return sendJson(response, 404, { error: 'There is nothing here. Try /graphql.' })
    Promise.try(route, request, response).catch((error: unknown) => fail(services, response, error))
    return undefined
  })
  server.headersTimeout = 10_000
  // Until a request has been read; the answer may take as long as it likes.
  server.requestTimeout = 15_000
  server.on('upgrade', sockets.upgrade)
  endConnectionsAfter(server, stop)
  return Object.assign(server, { settle: async () => endpoint.usage[Symbol.asyncDispose]() })
}

/** Answers that are sent after `stop` say that their connection ends, also those begun before. */
function endConnectionsAfter(server: Server, stop: AbortSignal): void {
  const open = new Set<ServerResponse>()
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    if (stop.aborted) response.shouldKeepAlive = false
    open.add(response)
    response.once('close', () => open.delete(response))
  })
  const end = () => {
    for (const response of open) response.shouldKeepAlive = false
  }
  stop.addEventListener('abort', end, { once: true })
}

/** It is not looked at: who answers it would teach clients to send keys where logs keep them. */
const keyInAddress = new HttpError(
  400,
  'There is an API key in the address, where logs keep it. Rotate it, and send it as a header: "Authorization: Bearer …".',
)

/** Any other upgrade is none of ours, and its request is answered as if it had not asked. */
function wantsSocket({ headers, url }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket' && pathOf(url) === '/graphql'
}

function pathOf(url: string | undefined): string {
  return url?.split('?', 1)[0] ?? ''
}

function wantsPage({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && (headers.accept?.includes('text/html') ?? false)
}

function sendPage(response: ServerResponse, page: string): void {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
}

/** An HttpError is the client's; anything else is ours. The rest of the request is not read. */
function fail({ log }: Services, response: ServerResponse, error: unknown): void {
  const known = error instanceof HttpError
  if (!known && !response.destroyed) log.error({ err: error }, 'request failed')
  if (response.headersSent || response.destroyed) return
  response.setHeader('connection', 'close')
  const message = known ? error.message : 'Something went wrong on our side.'
  const code = known ? 'BAD_REQUEST' : 'INTERNAL_SERVER_ERROR'
  sendJson(response, known ? error.status : 500, { errors: [{ message, extensions: { code } }] })
}
