import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { isReady } from './program.ts'

const probeMs = 250

/**
 * A load balancer as platforms have them, over TCP. New connections go in turn to the instances that
 * were ready when last asked; open ones are left alone. Nothing is tried again, but for a connection
 * that is refused, which goes to the next instance.
 */
export interface Balancer extends AsyncDisposable {
  url: string
  /** Whether the instance on this port gets new connections. */
  serves(port: number): boolean
}

export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const ready = new Set<number>()
  const open = new Set<Socket>()
  const stop = new AbortController()
  let turn = 0

  const watch = async (port: number) => {
    while (!stop.signal.aborted) {
      if (await isReady(port)) ready.add(port)
      else ready.delete(port)
      await delay(probeMs, undefined, { signal: stop.signal }).catch(() => {})
    }
  }
  const give = (client: Socket, [port, ...others]: readonly number[]) => {
    if (port === undefined) return void client.resetAndDestroy()
    const server = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    const refuse = () => give(client, others)
    server.once('error', refuse)
    server.once('connect', () => {
      server.off('error', refuse)
      join(client, server)
    })
  }
  const accept = (client: Socket) => {
    open.add(client)
    client.on('error', () => {}).once('close', () => open.delete(client))
    const chosen = [...ready]
    const next = turn++ % Math.max(1, chosen.length)
    give(client, [...chosen.slice(next), ...chosen.slice(0, next)])
  }

  const listener = createServer({ allowHalfOpen: true }, accept).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const watching = Promise.all(ports.map(watch))
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    serves: (port) => ready.has(port),
    async [Symbol.asyncDispose]() {
      stop.abort()
      listener.close()
      for (const socket of open) socket.destroy()
      await Promise.all([watching, once(listener, 'close')])
    },
  }
}

/** Carries bytes and ends both ways; what one side has still sent reaches the other. */
function join(client: Socket, server: Socket): void {
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    from.setNoDelay(true).pipe(to)
    from.on('error', () => to.resetAndDestroy()).once('close', () => to.destroySoon())
  }
}
