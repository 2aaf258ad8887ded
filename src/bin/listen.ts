import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { createHttpServer, type HttpServerOptions } from '../app/http-server.ts'
import { createProbeServer } from '../app/probe-server.ts'
import { StartupError } from '../lib/errors.ts'
import type { Services } from '../platform/services.ts'
import { measureProcess } from '../platform/telemetry/metrics.ts'

/** Connections that may wait to be accepted; beyond it the kernel lets clients believe that nobody is there. */
const backlog = 4_096

/** A running HTTP server; disposing it lets requests under way finish and ends connections. */
export interface Listening extends AsyncDisposable {
  url: string
}

/** Over how long sockets and streams are ended. */
const endingMs = 5_000
/** Requests under way have so long, which is longer than any may take. */
const graceMs = 16_000
/** And so long may come what was already sent over a connection that is new. */
const unusedMs = 1_000

/**
 * Serves the API. When `stop` aborts by SIGTERM the port stays open for STOP_DRAIN_MS: load balancers
 * see at /readyz that this instance goes, and send nothing more to it before it stops listening.
 */
export async function listen({
  stop,
  ...options
}: Omit<HttpServerOptions, 'endingMs'>): Promise<Listening> {
  const { HOST: host, PORT: port, STOP_DRAIN_MS: drainMs } = options.services.config
  const end = new AbortController()
  const server = createHttpServer({
    ...options,
    stop: AbortSignal.any([stop, end.signal]),
    endingMs,
  })
  const connections = connectionsOf(server)
  const url = await open(server, { host, port, names: ['HOST', 'PORT'] })
  return {
    url,
    async [Symbol.asyncDispose]() {
      // Disposed without a signal to stop: something else has failed.
      end.abort()
      if (stop.reason === 'SIGTERM') await wait(drainMs)
      await close(server, connections)
      await server.settle()
    },
  }
}

/** Serves /metrics and the probes where METRICS_PORT says; undefined where it says nothing. */
export async function listenForMetrics(
  services: Services,
  stop: AbortSignal,
): Promise<Listening | undefined> {
  const { METRICS_HOST: host, METRICS_PORT: port } = services.config
  if (port === undefined) return undefined
  measureProcess()
  const server = createProbeServer(services, stop)
  const url = await open(server, { host, port, names: ['METRICS_HOST', 'METRICS_PORT'] })
  services.log.info({ url: `${url}/metrics` }, 'metrics')
  return {
    url: `${url}/metrics`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await close(server, [])
    },
  }
}

interface Place {
  host: string
  port: number
  /** Of the settings. */
  names: [host: string, port: string]
}

async function open(server: Server, { host, port, names }: Place): Promise<string> {
  await once(server.listen({ host, port, backlog }), 'listening').catch(
    (error: NodeJS.ErrnoException) => {
      const place = `${host}:${port}`
      if (error.code === 'EADDRINUSE') {
        throw new StartupError([
          `Port ${port} is in use on ${host}. Stop its owner or set ${names[1]}.`,
        ])
      }
      throw new StartupError([
        `Cannot listen on ${place} (${error.code}). Set ${names.join(' and ')}.`,
      ])
    },
  )
  const { port: bound } = server.address() as AddressInfo
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`
}

/** Those that are open. */
function connectionsOf(server: Server): ReadonlySet<Socket> {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  return open
}

/** Idle connections end at once; to Node those that were never used are not among them. */
async function close(server: Server, connections: Iterable<Socket>): Promise<void> {
  const endUnused = () => {
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy()
  }
  const timers = [
    setTimeout(endUnused, unusedMs),
    setTimeout(() => server.closeAllConnections(), graceMs),
  ]
  server.close()
  await once(server, 'close')
  timers.forEach(clearTimeout)
}
