import type { WebSocket as GraphqlSocket } from 'graphql-ws'
import { WebSocket } from 'ws'

const pingMs = 12_000
/** From the polite close to the rude one. */
const closeMs = 5_000
const maxMessagesPerSecond = 50

/** Codes of RFC 6455 §7.4.1, of the IANA registry, and of the protocol graphql-transport-ws. */
export const closeCodes = {
  goingAway: 1001,
  tryAgainLater: 1013,
  badRequest: 4400,
  internalError: 4500,
  forbidden: 4403,
  tooMany: 4429,
} as const

/** In place of the one of graphql-ws that quotes what was sent. */
const reasons: Readonly<Record<number, string>> = { 4409: 'This id is in use.' }

/** Closes; whoever does not answer that within five seconds is cut off. */
export function closeSocket(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState !== WebSocket.OPEN) return
  socket.close(code, reason)
  const timer = setTimeout(() => socket.terminate(), closeMs)
  socket.once('close', () => clearTimeout(timer))
}

/**
 * The socket as graphql-ws wants it. Messages leave one by one, each when the one before has left this
 * process: what is to be sent to a slow reader waits where it is made, and is made when it is its turn.
 */
export function linkSocket(
  socket: WebSocket,
  onFailure: (error: unknown) => void,
): Omit<GraphqlSocket, 'protocol'> {
  let turn = Promise.resolve()
  const write = (data: string) =>
    new Promise<void>((resolve) => {
      if (socket.readyState !== WebSocket.OPEN) return resolve()
      // An error closes the socket, and that ends everything.
      return socket.send(data, () => resolve())
    })
  return {
    send: (data) => (turn = turn.then(() => write(data))),
    close: (code = closeCodes.internalError, reason = '') =>
      closeSocket(socket, code, reasons[code] ?? reason),
    onMessage(receive) {
      // Text or not, `ws` hands over one buffer a message.
      socket.on('message', (data) => {
        if (socket.readyState !== WebSocket.OPEN) return
        receive((data as Buffer).toString()).catch((error: unknown) => {
          if (!isUnexpected(error)) return onFailure(error)
          return closeSocket(socket, closeCodes.badRequest, 'Only servers send this.')
        })
      })
    },
  }
}

/** What graphql-ws throws for a message of its protocol that goes the other way. */
function isUnexpected(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Unexpected message of type')
}

/** Asks every twelve seconds whether anybody reads, and drops who has not answered by the next time. */
export function keepAlive(socket: WebSocket): void {
  let answered = true
  const timer = setInterval(() => {
    if (!answered) return closeSocket(socket, closeCodes.tryAgainLater, 'You read too slowly.')
    answered = false
    return socket.ping()
  }, pingMs)
  socket.on('pong', () => (answered = true))
  socket.once('close', () => clearInterval(timer))
}

/** Closes the socket of whoever sends too many messages; pings and pongs are messages too. */
export function limitMessages(socket: WebSocket): void {
  let since = performance.now()
  let count = 0
  const countOne = () => {
    const now = performance.now()
    if (now - since >= 1_000) [since, count] = [now, 0]
    if (++count <= maxMessagesPerSecond) return
    const reason = `At most ${maxMessagesPerSecond} messages a second.`
    closeSocket(socket, closeCodes.tooMany, reason)
  }
  for (const event of ['message', 'ping', 'pong'] as const) socket.on(event, countOne)
}
