import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown

/** Listens, tells where, and ends when it is asked to. */
export async function serve(answer: Answer): Promise<void> {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  announce(`http://127.0.0.1:${port}`)
}

/** Answers JSON, and 500 with nothing when there is none. */
export async function serveJson(
  answer: (request: IncomingMessage) => Promise<Buffer>,
): Promise<void> {
  await serve((request, response) =>
    answer(request).then(
      (body) => {
        const headers = { 'content-type': 'application/json', 'content-length': body.length }
        response.writeHead(200, headers).end(body)
      },
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`)
        response.writeHead(500).end()
      },
    ),
  )
}

/** Tells the benchmark where it is. */
export function announce(url: string): void {
  process.once('SIGTERM', () => process.exit())
  process.stdout.write(`${JSON.stringify({ url })}\n`)
}
