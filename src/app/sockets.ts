import { type ExecutionArgs, GraphQLError } from 'graphql'
import { type Context, handleProtocols, makeServer, type SubscribePayload } from 'graphql-ws'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { hasKey } from '../features/partners/key-text.ts'
import { UpstreamError } from '../lib/errors.ts'
import { openConnection } from '../platform/telemetry.ts'
import { admitOperation, type Operation } from './admit-operation.ts'
import type { Authenticated } from './authenticate.ts'
import { watchBearer } from './bearer.ts'
import { endEach, type Ending } from './endings.ts'
import type { Endpoint } from './endpoint.ts'
import { type ConnectedCaller, perform } from './execute-operation.ts'
import { createPlaces, type Places } from './places.ts'
import { closeCodes, closeSocket, keepAlive, limitMessages, linkSocket } from './socket-link.ts'

/** Larger than any operation; a message is held in memory as a whole. */
const maxMessageBytes = 64 * 1024
const initTimeoutMs = 3_000
/** For the reason of a close to arrive. */
const closeMs = 1_000
const maxOperations = 25
/** Sockets of one address that have not said yet who they are. */
const maxStrangers = 20

/** What is known of one socket. */
interface Link extends Record<PropertyKey, unknown> {
  socket: WebSocket
  caller: Omit<ConnectedCaller, 'authorization'>
  /** Set once it is known who is there. */
  authorization?: string
  /** Given back when the socket closes. */
  held: DisposableStack
  /** Its place among strangers. */
  stranger: Disposable
}

type Connection = Context<Record<string, unknown>, Link>

export interface Sockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/**
 * The API over WebSockets, in the protocol graphql-transport-ws of graphql-ws. They end with 1001:
 * clients connect again, elsewhere.
 */
export function createSockets(endpoint: Endpoint, tenants: Places, ending: Ending): Sockets {
  const { log } = endpoint.services
  const strangers = createPlaces(maxStrangers)
  const server = createServer(endpoint, tenants)
  const acceptor = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    handleProtocols,
  })
  const open = (socket: WebSocket, request: IncomingMessage, stranger: Disposable) => {
    const link = createLink(socket, request, stranger)
    // A message too large, or no WebSocket at all: `ws` closes it and says why.
    socket.once('error', () => dropUnread(socket, request))
    limitMessages(socket)
    keepAlive(socket)
    const onFailure = (error: unknown) => {
      log.error({ err: error, requestId: link.caller.origin.requestId }, 'socket failed')
      closeSocket(socket, closeCodes.internalError, 'Something went wrong on our side.')
    }
    const linked = { protocol: socket.protocol, ...linkSocket(socket, onFailure) }
    const closed = server.opened(linked, link)
    socket.once('close', (code, reason) => {
      link.held.dispose()
      closed(code, String(reason)).catch(onFailure)
    })
  }
  endEach(ending, acceptor.clients, (socket) =>
    closeSocket(socket, closeCodes.goingAway, 'This instance stops.'),
  )
  return {
    upgrade(request, socket, head) {
      if (ending.stop.aborted) return refuse(socket, '503 Service Unavailable')
      if (hasKey(request.url ?? '')) return refuse(socket, '400 Bad Request')
      if (!isWelcome(request, endpoint.services.config.ALLOWED_ORIGINS)) {
        return refuse(socket, '403 Forbidden')
      }
      const stranger = strangers.take(request.socket.remoteAddress ?? '')
      if (!stranger) return refuse(socket, '429 Too Many Requests')
      socket.once('close', () => stranger[Symbol.dispose]())
      return acceptor.handleUpgrade(request, socket, head, (opened) =>
        open(opened, request, stranger),
      )
    },
  }
}

/**
 * Whether the page that opens the socket may: browsers let any page try. Who sends no Origin is no
 * browser, and there are no cookies that somebody could ride on.
 */
function isWelcome({ headers }: IncomingMessage, allowed: string): boolean {
  const { origin, host } = headers
  if (origin === undefined || allowed.split(',').includes(origin)) return true
  return URL.canParse(origin) && new URL(origin).host === host
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function createLink(
  socket: WebSocket,
  { socket: { remoteAddress } }: IncomingMessage,
  stranger: Disposable,
): Link {
  const held = new DisposableStack()
  const end = new AbortController()
  held.defer(() => end.abort())
  held.use(stranger)
  held.use(openConnection('websocket'))
  const origin = { requestId: randomUUID(), ip: remoteAddress ?? null, apiKeyId: null }
  return { socket, caller: { origin, signal: end.signal }, held, stranger }
}

function createServer(endpoint: Endpoint, tenants: Places) {
  return makeServer<Record<string, unknown>, Link>({
    connectionInitWaitTimeout: initTimeoutMs,
    onConnect: (connection) => admit(endpoint, tenants, connection),
    onSubscribe: ({ extra, subscriptions }, _id, payload) =>
      begin(endpoint, extra, Object.keys(subscriptions).length, payload),
    execute: (args) => performFor(endpoint, args),
    subscribe: (args) => performFor(endpoint, args),
  })
}

/** Whether somebody is let in; if not, the socket is closed. */
async function admit(
  { authenticate, rateLimits }: Endpoint,
  tenants: Places,
  { extra, connectionParams = {} }: Connection,
): Promise<boolean> {
  const { socket, caller, held, stranger } = extra
  const given = connectionParams['authorization'] ?? connectionParams['Authorization']
  const authorization = typeof given === 'string' ? given : ''
  const credentials = { authorization, ip: caller.origin.ip }
  let bearer: Authenticated | null
  try {
    bearer = await authenticate(credentials)
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    closeSocket(socket, closeCodes.tryAgainLater, 'The service is not available right now.')
    return false
  }
  if (!bearer) rateLimits.chargeFailure(extra.caller.origin.ip)
  if (!bearer || held.disposed) return false
  const place = tenants.take(bearer.viewer.tenantId)
  if (!place) {
    closeSocket(socket, closeCodes.tooMany, 'Your tenant has too many connections open.')
    return false
  }
  held.use(place)
  held.use(
    watchBearer(authenticate, credentials, bearer, (reason) =>
      closeSocket(socket, closeCodes.forbidden, reason),
    ),
  )
  stranger[Symbol.dispose]()
  extra.authorization = authorization
  return true
}

/** Leaves on the wire what `ws` would read on and throw away, 90 MB of it if a client likes. */
function dropUnread(socket: WebSocket, request: IncomingMessage): void {
  socket.on('error', () => {})
  // Not before `ws`, which resumes it on the next tick.
  setImmediate(() => request.socket.pause())
  setTimeout(() => socket.terminate(), closeMs).unref()
}

/** What graphql-ws executes; the context is made later, afresh for each result. */
type LinkedArgs = ExecutionArgs & {
  contextValue: { operation: Operation; caller: ConnectedCaller }
}

async function begin(
  endpoint: Endpoint,
  { socket, caller: stranger, authorization }: Link,
  count: number,
  payload: SubscribePayload,
): Promise<LinkedArgs | readonly GraphQLError[]> {
  if (count > maxOperations) {
    const reason = `At most ${maxOperations} operations at a time.`
    closeSocket(socket, closeCodes.tooMany, reason)
    return [new GraphQLError(reason)]
  }
  const caller = { ...stranger, authorization }
  const operation = await admitOperation(endpoint, payload, undefined, caller)
  if ('errors' in operation) return operation.errors
  const { schema, document, operationName, variableValues } = operation
  const contextValue = { operation, caller }
  return { schema, document, operationName, variableValues, contextValue }
}

function performFor(endpoint: Endpoint, { contextValue }: ExecutionArgs) {
  const { operation, caller } = contextValue as LinkedArgs['contextValue']
  return perform(endpoint, operation, caller)
}
