import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** What befalls the bytes that travel one way. */
export interface LinkFaults {
  latencyMs?: number
  jitterMs?: number
  /** Bytes are taken and never passed on; the sender notices nothing. */
  blackhole?: boolean
  /** The connection is reset once it has carried so many bytes this way. */
  cutAfterBytes?: number
}

/** In force for connections that are open too; what is not named works well. */
export interface ProxyFaults {
  /** From the client to the server. */
  up?: LinkFaults
  /** From the server to the client. */
  down?: LinkFaults
  /** The end of a connection is passed on so much later. */
  slowCloseMs?: number
  /** New connections are accepted and never read, as by a machine that hangs. */
  halfOpen?: boolean
  /** New connections are reset, as by a machine where nobody listens. */
  refuse?: boolean
}

/** A TCP proxy on loopback whose faults may be switched while connections are open. */
export interface TcpProxy extends AsyncDisposable {
  port: number
  faults: ProxyFaults
  /** Resets every open connection; answers how many there were. */
  resetAll(): number
  /**
   * Waits for a request that `matches`, once `skip` such requests have passed, and resets its
   * connection: in place of the request, which is never carried out, or of its answer, when it has
   * been. The caller cannot know which. One loss after the other, in the order of the calls.
   */
  lose(part: 'request' | 'answer', matches: (request: Buffer) => boolean, skip?: number): void
  /** How many of these losses have happened. */
  readonly lost: number
}

interface Loss {
  part: 'request' | 'answer'
  matches: (request: Buffer) => boolean
  skip: number
}

export async function startTcpProxy(to: { host: string; port: number }): Promise<TcpProxy> {
  const open = new Set<() => void>()
  const losses: Loss[] = []
  let faults: ProxyFaults = {}
  let lost = 0

  const lossOf = (request: Buffer): Loss['part'] | undefined => {
    const [loss] = losses
    if (!loss?.matches(request) || loss.skip-- > 0) return undefined
    losses.shift()
    return loss.part
  }

  const accept = (client: Socket) => {
    client.on('error', () => {})
    if (faults.refuse) return void client.resetAndDestroy()
    if (faults.halfOpen) return void track([client.pause()])
    const server = connect({ ...to, allowHalfOpen: true })
    const reset = track([client, server])
    let losing = false
    const onRequest = (request: Buffer) => {
      const part = lossOf(request)
      if (part === 'request') lost++
      losing ||= part === 'answer'
      return part !== 'request'
    }
    const onAnswer = () => {
      if (losing) lost++
      return !losing
    }
    const closeMs = () => faults.slowCloseMs ?? 0
    pump(client, server, { faults: () => faults.up ?? {}, closeMs, pass: onRequest, reset })
    pump(server, client, { faults: () => faults.down ?? {}, closeMs, pass: onAnswer, reset })
  }

  const track = (sockets: readonly Socket[]) => {
    const reset = () => {
      open.delete(reset)
      for (const socket of sockets) socket.resetAndDestroy()
    }
    open.add(reset)
    for (const socket of sockets) {
      socket.setNoDelay(true).on('error', reset)
      socket.once('close', () => sockets.every(({ closed }) => closed) && open.delete(reset))
    }
    return reset
  }

  const listener = createServer({ allowHalfOpen: true }, accept).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const resetAll = () => {
    const count = open.size
    for (const reset of open) reset()
    return count
  }
  return {
    port: (listener.address() as AddressInfo).port,
    get faults() {
      return faults
    },
    set faults(next) {
      faults = next
    },
    get lost() {
      return lost
    },
    resetAll,
    lose: (part, matches, skip = 0) => void losses.push({ part, matches, skip }),
    async [Symbol.asyncDispose]() {
      listener.close()
      resetAll()
      await once(listener, 'close')
    },
  }
}

interface Link {
  /** Asked for each piece, so that a switch takes effect at once. */
  faults(): LinkFaults
  closeMs(): number
  /** Sees each piece first; false ends the connection in its place. */
  pass(bytes: Buffer): boolean
  reset(): void
}

/** Carries one direction, in order whatever the delays, no faster than the receiver reads. */
function pump(from: Socket, to: Socket, link: Link): void {
  let turn = Promise.resolve()
  let carried = 0
  const later = (ms: number, work: () => void) => {
    const due = performance.now() + ms
    turn = turn.then(async () => {
      if (performance.now() < due) await delay(due - performance.now(), undefined, { ref: false })
      work()
    })
  }
  from.on('data', (bytes: Buffer) => {
    const { latencyMs = 0, jitterMs = 0, blackhole, cutAfterBytes = Infinity } = link.faults()
    if (!link.pass(bytes)) return link.reset()
    if (blackhole) return
    const room = cutAfterBytes - carried
    carried += bytes.length
    later(latencyMs + Math.random() * jitterMs, () => {
      if (to.destroyed) return
      if (bytes.length > room) return void to.write(bytes.subarray(0, room), link.reset)
      if (to.write(bytes)) return
      from.pause()
      to.once('drain', () => from.resume())
    })
  })
  from.on('end', () => {
    if (!link.faults().blackhole) later(link.closeMs(), () => to.end())
  })
}
