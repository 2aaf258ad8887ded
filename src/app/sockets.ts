import { type ExecutionArgs, GraphQLError } from 'graphql'
import { type Context, handleProtocols, makeServer, type SubscribePayload } from 'graphql-ws'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { hasKey } from '../features/partners/key-text.ts'
import { UpstreamError } from '../lib/errors.ts'
import type { Origin } from '../lib/viewer.ts'
import { openConnection } from '../platform/telemetry.ts'
import { admitOperation } from './admit-operation.ts'
import type { Authenticated } from './authenticate.ts'
import { watchBearer } from './bearer.ts'
import { endLater, type Ending } from './endings.ts'
import { foreignPage, isWelcome } from './cross-origin.ts'
import type { Endpoint } from './endpoint.ts'
import { perform } from './execute-operation.ts'
import { keyInAddress } from './http-error.ts'
import type { Caller, Operation } from './operation.ts'
import { overloaded } from './overload.ts'
import { createPlaces, type Places } from './places.ts'
import { refuseSocket } from './refuse-socket.ts'
import { securityHeaders } from './security-headers.ts'
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
  caller: Omit<Caller, 'authorization'>
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
  const { services, profile, originOf } = endpoint
  const { log } = services
  const headers = securityHeaders(profile)
  const strangers = createPlaces(maxStrangers)
  const server = createServer(endpoint, tenants)
  const acceptor = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    handleProtocols,
  })
  const open = (
    socket: WebSocket,
    request: IncomingMessage,
    { origin, stranger }: { origin: Origin; stranger: Disposable },
  ) => {
    const link = createLink(socket, origin, stranger)
    // A message too large, or no WebSocket at all: `ws` closes it and says why.
    socket.once('error', () => dropUnread(socket, request))
    limitMessages(socket)
    keepAlive(socket)
    const onFailure = (error: unknown) => {
      log.error({ err: error, requestId: link.caller.origin.requestId }, 'socket failed')
      closeSocket(socket, closeCodes.internalError, 'Something went wrong on our side.')
    }
    link.held.use(
      endLater(ending, () => closeSocket(socket, closeCodes.goingAway, 'This instance stops.')),
    )
    const linked = { protocol: socket.protocol, ...linkSocket(socket, onFailure) }
    const closed = server.opened(linked, link)
    socket.once('close', (code, reason) => {
      link.held.dispose()
      closed(code, String(reason)).catch(onFailure)
    })
  }
  return {
    upgrade(request, socket, head) {
      const origin = originOf(request)
      const refuse = (status: number, message: string) =>
        refuseSocket(socket, status, message, { ...headers, 'x-request-id': origin.requestId })
      if (hasKey(request.url ?? '')) return refuse(400, keyInAddress)
      if (!isWelcome(request, services.config.ALLOWED_ORIGINS)) return refuse(403, foreignPage)
      const stranger = strangers.take(origin.ip ?? '')
      if (!stranger) return refuse(429, 'Too many connections that have not said who they are.')
      socket.once('close', () => stranger[Symbol.dispose]())
      return acceptor.handleUpgrade(request, socket, head, (opened) =>
        open(opened, request, { origin, stranger }),
      )
    },
  }
}

function createLink(socket: WebSocket, origin: Origin, stranger: Disposable): Link {
  const held = new DisposableStack()
  const end = new AbortController()
  held.defer(() => end.abort())
  held.use(stranger)
  held.use(openConnection('websocket'))
  const caller = { origin, signal: end.signal }
  return { socket, caller, held, stranger }
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
  contextValue: { operation: Operation; caller: Caller }
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
  if (!(await endpoint.admission.turn(authorization, caller.signal))) return [overloaded()]
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
