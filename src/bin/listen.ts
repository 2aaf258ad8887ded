import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createHttpServer, type HttpServerOptions } from '../app/http-server.ts'
import { StartupError } from '../lib/errors.ts'

/** The running HTTP server; disposing it lets requests under way finish and ends connections. */
export interface Listening extends AsyncDisposable {
  url: string
}

export async function listen(options: HttpServerOptions): Promise<Listening> {
  const { HOST: host, PORT: port } = options.services.config
  const server = createHttpServer(options).listen(port, host)
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    const place = `${host}:${port}`
    if (error.code === 'EADDRINUSE') {
      throw new StartupError([`Port ${port} is in use on ${host}. Stop its owner or set PORT.`])
    }
    throw new StartupError([`Cannot listen on ${place} (${error.code}). Set HOST and PORT.`])
  })
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    async [Symbol.asyncDispose]() {
      server.endConnections()
      server.close()
      server.closeIdleConnections()
      await once(server, 'close')
      await server.settle()
    },
  }
}
