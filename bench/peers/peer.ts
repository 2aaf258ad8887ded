import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLocalJWKSet, jwtVerify } from 'jose'
import type { PeerSettings } from '../contenders.ts'

/** What the program was started with. */
export function readSettings(): PeerSettings {
  return JSON.parse(process.argv[2] ?? '') as PeerSettings
}

/** The tenant of a bearer token; throws when it proves nothing. */
export function createTenantOf({ tokens }: PeerSettings) {
  const keys = createLocalJWKSet(tokens.keys)
  return async (authorization: string | null | undefined): Promise<string> => {
    const token = authorization?.replace(/^Bearer /, '') ?? ''
    const { payload } = await jwtVerify(token, keys, { issuer: tokens.issuer })
    return String(payload['tenant_id'])
  }
}

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown

/** Listens, tells where, and ends when it is asked to. */
export async function serve(answer: Answer): Promise<void> {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  announce(`http://127.0.0.1:${port}`)
}

/** Tells the benchmark where it is. */
export function announce(url: string): void {
  process.once('SIGTERM', () => process.exit())
  process.stdout.write(`${JSON.stringify({ url })}\n`)
}
