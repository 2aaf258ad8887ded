import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { inspect } from 'node:util'
import { acquireLock } from './process-lock.ts'
import { explainFailure, readState, standInFiles, welcome, writeState } from './stand-in-state.ts'
import type { Details, KeeperNews, KeeperOrder } from './stand-in-state.ts'

/** A service that a program keeps; `details` tell its holders how to reach it. */
interface Kept extends AsyncDisposable {
  details: Details
  /** Aborts when the service ends by itself: its keeper then ends too, and can be started anew. */
  ended?: AbortSignal
}

/** Starts the service. `previous` are the details of the last run: ports and keys worth keeping. */
export type StartKept = (order: KeeperOrder, previous: Details | undefined) => Promise<Kept>

/**
 * The whole life of a stand-in's process: waits to be the only one on its directory, starts the
 * service, publishes the state file, and ends it when the last holder has gone or on SIGTERM.
 */
export async function runKeeper(start: StartKept): Promise<void> {
  const order = JSON.parse(process.argv[2] ?? '') as KeeperOrder
  const { name, dataDir } = order
  const files = standInFiles(dataDir, name)
  const terminated = abortOn('SIGTERM', 'SIGINT')
  const starterGone = abortOn('disconnect')
  try {
    using _lock = await acquireLock(files.lock, AbortSignal.any([terminated, starterGone]))
    const previous = await readState(files.state)
    await using kept = await start(order, previous?.details)
    await using control = await openControl(starterGone)
    const { controlPort, token } = control
    await writeState(files.state, { pid: process.pid, controlPort, token, details: kept.details })
    tell({ ready: true })
    const ends = [terminated, control.abandoned, kept.ended].filter(
      (signal) => signal !== undefined,
    )
    await aborted(AbortSignal.any(ends))
  } catch (error) {
    if (isAbort(error)) return
    process.stderr.write(`${inspect(error)}\n`)
    tell({ failed: explainFailure(error, name, dataDir).message.split('\n') })
    process.exitCode = 1
  } finally {
    if (process.connected) process.disconnect()
  }
}

/** The wait for the lock was given up: the starter found another keeper, or is gone. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

function tell(news: KeeperNews): void {
  if (process.connected) process.send?.(news)
}

function abortOn(...events: readonly string[]): AbortSignal {
  const controller = new AbortController()
  for (const event of events) process.once(event, () => controller.abort())
  return controller.signal
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

/**
 * Counts the holders: one connection each, opened with the token. The process that started this one
 * counts until its channel closes, so that there is no moment without a holder. The last to hang up
 * is answered by our end, which comes when everything is flushed.
 */
async function openControl(starterGone: AbortSignal) {
  const token = randomUUID()
  const holders = new Set<Socket>()
  const abandoned = new AbortController()
  const isHeld = () => holders.size > 0 || !starterGone.aborted
  const check = () => isHeld() || abandoned.abort()

  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const release = () => {
      holders.delete(socket)
      if (isHeld()) socket.end()
      else abandoned.abort()
    }
    socket.unref().on('error', release).on('end', release).on('close', release)
    socket.once('data', (shown) => {
      if (abandoned.signal.aborted || shown.toString() !== token) return socket.destroy()
      holders.add(socket)
      return socket.write(welcome)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  starterGone.addEventListener('abort', check)
  check()
  return {
    token,
    controlPort: (server.address() as AddressInfo).port,
    abandoned: abandoned.signal,
    [Symbol.asyncDispose]: async () => void server.close(),
  }
}
