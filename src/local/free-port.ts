import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/** `preferred` when nobody listens there on loopback, otherwise a port that was free just now. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await tryPort(preferred)) === preferred) return preferred
  const port = await tryPort(0)
  if (port === undefined) throw new Error('No free port on 127.0.0.1')
  return port
}

async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return undefined
  }
  const { port: bound } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return bound
}
