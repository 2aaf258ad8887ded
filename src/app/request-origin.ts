import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Origin } from '../lib/viewer.ts'

/** A UUID, or a trace's id: nothing that could be somebody's key, nor break a line of the log. */
const ownId = /^[0-9a-f][0-9a-f-]{14,62}[0-9a-f]$/i

/** Where a request comes from. A client that has an id of its own for it finds it in our log. */
export function originOf({ headers, socket }: IncomingMessage): Origin {
  const given = headers['x-request-id']
  const requestId = typeof given === 'string' && ownId.test(given) ? given : randomUUID()
  return { requestId, ip: socket.remoteAddress ?? null, apiKeyId: null }
}
