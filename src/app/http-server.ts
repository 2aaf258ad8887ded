import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { hasKey } from '../features/partners/key-text.ts'
import type { Origin } from '../lib/viewer.ts'
import type { Services } from '../platform/services.ts'
import { continueTrace } from '../platform/telemetry/tracing.ts'
import { sendJson } from './answer.ts'
import { admitOrigin, answerPreflight, refuseForeign } from './cross-origin.ts'
import { createEndpoint } from './endpoint.ts'
import { createGraphqlHandler } from './graphql-handler.ts'
import { graphiqlPage } from './graphiql.ts'
import { errorBody, HttpError, keyInAddress } from './http-error.ts'
import { refuseOverloaded } from './overload.ts'
import { createPlaces } from './places.ts'
import { createProbes } from './probes.ts'
import { refuseSocket } from './refuse-socket.ts'
import { requestIdOf } from './request-origin.ts'
import { toSchema } from './schema.ts'
import { permitPage, securityHeaders } from './security-headers.ts'
import { createSockets } from './sockets.ts'
import { createStreams, wantsStream } from './streams.ts'

type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
  origin: Origin,
) => void | Promise<void>

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

/**
 * Until a request has been read; the answer may take as long as it likes. Node looks every thirty seconds
 * of its own accord who is too slow.
 */
const slowness = {
  headersTimeout: 8_000,
  requestTimeout: 12_000,
  connectionsCheckingInterval: 1_000,
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
  const { profile, originOf } = endpoint
  const tenants = createPlaces(maxConnections)
  const sockets = createSockets(endpoint, tenants, { stop, endingMs })
  const streams = createStreams(endpoint, tenants, { stop, endingMs })
  const graphql = createGraphqlHandler(endpoint)
  const explorer =
    explorerToken !== undefined && profile.showsGraphiql ? graphiqlPage(explorerToken) : undefined
  const graphqlMethods = profile.answersGet ? ['POST', 'GET'] : ['POST']
  const allowed = services.config.ALLOWED_ORIGINS
  const routes: Record<string, Handler> = {
    ...createProbes(services, stop),
    '/graphql': (request, response, origin) => {
      admitOrigin(request, response, allowed)
      if (request.method === 'OPTIONS') {
        return answerPreflight(request, response, { allowed, methods: graphqlMethods })
      }
      if (explorer && wantsPage(request)) return sendPage(response, explorer)
      allowOnly(request, graphqlMethods)
      refuseForeign(request, allowed)
      const answer = wantsStream(request) ? streams.answer : graphql
      return continueTrace(request.headers, () => answer(request, response, origin))
    },
  }
  if (explorer) routes['/'] = (_request, response) => sendPage(response, explorer)

  const headers = securityHeaders(profile)
  const flatHeaders = Object.entries(headers).flat()
  const latest = new WeakMap<Duplex, ServerResponse>()
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    // Nothing else is done for them: while there is too much to do they are most of what comes.
    if (isPlainOperation(request) && endpoint.admission.refuses(request.headers.authorization)) {
      const others = [...flatHeaders, 'x-request-id', requestIdOf(request)]
      return refuseOverloaded(request, response, others)
    }
    latest.set(request.socket, response)
    response.once('finish', () => latest.delete(request.socket))
    const origin = originOf(request)
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    response.setHeader('x-request-id', origin.requestId)
    Promise.try(route, routes, request, response, origin).catch((error: unknown) =>
      fail(services, response, origin, error),
    )
  }
  const server = createServer({ ...slowness, shouldUpgradeCallback: wantsSocket }, answer)
  // What clients are told, and for how much longer than that it is true: load balancers do not heed it
  // and keep idle connections for up to ten minutes. A request on one that ends just then would be lost.
  server.keepAliveTimeout = 4_000
  server.keepAliveTimeoutBuffer = 616_000
  server.on('connection', endpoint.admission.greet)
  server.on('checkExpectation', answer)
  server.on('upgrade', sockets.upgrade)
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const response = latest.get(socket)
    if (response?.headersSent) return void socket.destroy()
    // What is written now would be taken for the answer that the request before is still owed.
    if (response?.req.complete) return void (response.shouldKeepAlive = false)
    const [status, message] = malformed[error.code ?? ''] ?? [400, 'This is not an HTTP request.']
    return refuseSocket(socket, status, message, { ...headers, 'x-request-id': randomUUID() })
  })
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

/** What Node's parser refuses, where the usual 400 would not say enough. */
const malformed: Readonly<Record<string, readonly [status: number, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'The headers are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request took too long to arrive.'],
}

function allowOnly({ method = '' }: IncomingMessage, methods: readonly string[]): void {
  if (methods.includes(method)) return
  throw new HttpError(405, `Use ${methods.join(' or ')}.`, { allow: methods.join(', ') })
}

/** Node would leave out what is above 2,000. */
const maxHeaders = 100

function route(
  routes: Readonly<Record<string, Handler>>,
  request: IncomingMessage,
  response: ServerResponse,
  origin: Origin,
): void | Promise<void> {
  const { rawHeaders, headersDistinct, headers, url } = request
  if (rawHeaders.length > 2 * maxHeaders) throw new HttpError(431, 'There are too many headers.')
  // Proxies may have believed the other one.
  if ((headersDistinct['host']?.length ?? 0) > 1) throw new HttpError(400, 'Send one Host.')
  if (headers.expect && headers.expect.toLowerCase() !== '100-continue') {
    throw new HttpError(417, 'Nothing of the kind is expected here.')
  }
  if (hasKey(url ?? '')) throw new HttpError(400, keyInAddress)
  const path = pathOf(url)
  const handler = routes[path]
  if (!handler) throw new HttpError(404, 'There is nothing here. Try /graphql.')
  if (path !== '/graphql') allowOnly(request, ['GET', 'HEAD'])
  return handler(request, response, origin)
}

/** What programs send. Pages of other origins have to be told first that they may read the answer. */
function isPlainOperation({ method, url, headers }: IncomingMessage): boolean {
  return method === 'POST' && url === '/graphql' && headers.origin === undefined
}

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
  permitPage(response)
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
}

/** An HttpError is the client's; anything else is ours. The rest of the request is not read. */
function fail(
  { log }: Services,
  response: ServerResponse,
  { requestId }: Origin,
  error: unknown,
): void {
  const known = error instanceof HttpError
  if (!known && !response.destroyed) log.error({ err: error, requestId }, 'request failed')
  if (response.headersSent || response.destroyed) return
  response.setHeader('connection', 'close')
  if (known) sendJson(response, error.status, errorBody(error.status, error.message), error.headers)
  else sendJson(response, 500, errorBody(500, 'Something went wrong on our side.'))
}
