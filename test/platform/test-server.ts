import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A neighbour that does what a test tells it, over real HTTP. */
export interface TestServer extends AsyncDisposable {
  url: string
  /** Requests received, those not yet answered or broken off, and the most of these at once. */
  readonly requests: number
  readonly open: number
  readonly mostOpen: number
}

export async function startServer(handle: Handler): Promise<TestServer> {
  let requests = 0
  let open = 0
  let mostOpen = 0
  const server = createServer((request, response) => {
    requests++
    mostOpen = Math.max(mostOpen, ++open)
    response.on('close', () => open--)
    request.resume()
    handle(request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests
    },
    get open() {
      return open
    },
    get mostOpen() {
      return mostOpen
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}
