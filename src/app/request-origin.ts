import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import proxyAddress from 'proxy-addr'
import type { Origin } from '../lib/viewer.ts'

/** A UUID, or a trace's id: nothing that could be somebody's key, nor break a line of the log. */
const ownId = /^[0-9a-f][0-9a-f-]{14,62}[0-9a-f]$/i

/** The client's own id for a request, or a new one. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && ownId.test(given) ? given : randomUUID()
}

/**
 * Where requests come from. A client that has an id of its own for one finds it in our log. Its address is
 * that of the connection, or what `trustedProxies` (addresses and ranges, separated by commas) say in
 * `X-Forwarded-For`, up to the first address that is none of theirs: beyond it anybody may have written.
 */
export function createOriginOf(trustedProxies: string): (request: IncomingMessage) => Origin {
  const isTrusted = proxyAddress.compile(trustedProxies.split(',').filter(Boolean))
  return (request) => {
    const requestId = requestIdOf(request)
    // A connection that is gone has no address.
    const ip = request.socket.remoteAddress ? proxyAddress(request, isTrusted) : null
    return { requestId, ip, apiKeyId: null }
  }
}
