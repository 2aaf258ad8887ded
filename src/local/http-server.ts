import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { recordCall, type Call } from './call-log.ts'
import type { Exchange, Incoming, Reply, Service } from './exchange.ts'
import { createFaults, type Faults } from './faults.ts'
import { answerPanel } from './panel.ts'
import { isAbandoned, sendReply, sendWithFaults } from './send.ts'

export interface HttpStandIn<Operation extends string = string> extends AsyncDisposable {
  url: string
  faults: Faults<Operation>
  /** Oldest first; `calls.length = 0` forgets them. */
  calls: Call[]
}

const usualMaxBodyBytes = 16 * 1024 ** 2

/** Serves on loopback only, with the fault switches at `/__faults` and the call log at `/__calls`. */
export async function startHttpServer<Operation extends string>(
  service: Service<Operation>,
  port = 0,
): Promise<HttpStandIn<Operation>> {
  const faults = createFaults(service.operations)
  const { maxBodyBytes = usualMaxBodyBytes } = service
  const calls: Call[] = []
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => fail(response, error))
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const body = await readBody(request, maxBodyBytes)
    if (body === undefined) return sendReply(response, tooLarge)
    const incoming = toIncoming(request, body)
    const panel = answerPanel(incoming, faults, calls, service)
    if (panel) return sendReply(response, panel)
    const exchange = service.accept(incoming)
    const { method, path } = incoming
    const at = new Date().toISOString()
    const call = recordCall(calls, { at, ...exchange.details, method, path, status: null })
    onSettled(response, exchange)
    const { text } = exchange
    const struck = faults.strike({ ...exchange.details, ...(text !== undefined && { text }) })
    if (struck.length > 0) return sendWithFaults(response, exchange, struck, call)
    if (await isAbandoned(response, exchange)) return
    return (call.status = sendReply(response, await exchange.apply([])))
  }

  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    calls,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** The caller may have gone while the request was read. */
function onSettled(response: ServerResponse, { settled }: Exchange): void {
  if (!settled) return
  if (response.destroyed) settled()
  else response.once('close', settled)
}

/** A mistake of the stand-in's own, shown to whoever debugs with it. */
function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  sendReply(response, { status: 500, body: JSON.stringify({ detail: String(error) }) })
}

const tooLarge: Reply = {
  status: 413,
  body: JSON.stringify({ detail: 'Request body too large' }),
  headers: { connection: 'close' },
}

/** Undefined when the body is over the limit; the rest of it is then not read. */
async function readBody(
  request: IncomingMessage,
  maxBodyBytes: number,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBodyBytes) return undefined
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
}

function toIncoming(request: IncomingMessage, body: Buffer): Incoming {
  const { method = 'GET', url = '/', headers } = request
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark))
  return { method, path, query, headers, body }
}
