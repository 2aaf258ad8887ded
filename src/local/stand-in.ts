import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { StartupError } from '../lib/errors.ts'
import { explainFailure, readState, standInFiles, welcome } from './stand-in-state.ts'
import type { KeeperNews, KeeperOrder, StandInState } from './stand-in-state.ts'

/** A hold on a stand-in: its process lives while at least one holder, in any process, has one. */
export interface StandIn extends AsyncDisposable {
  /** True when this call started the process, false when it was running already. */
  readonly started: boolean
  readonly pid: number
  readonly details: StandInState['details']
}

export interface StandInOptions extends KeeperOrder {
  /** The program to start; it calls `runKeeper`. */
  program: URL
  /** How long the first start may take, in milliseconds. */
  startMs?: number
}

const pollMs = 25
const handshakeMs = 2_000
const stopMs = 15_000

/**
 * Holds the stand-in of this name in `dataDir`, starting it if none answers there. Several processes
 * may ask at once: they end up with the same one. Disposing the last hold resolves when the process
 * has flushed and ended.
 */
export async function openStandIn(options: StandInOptions): Promise<StandIn> {
  const { name } = options
  const dataDir = resolve(options.dataDir)
  try {
    await mkdir(dataDir, { recursive: true })
    const running = await hold(standInFiles(dataDir, name).state)
    return running ? toStandIn(running, false) : await start({ ...options, dataDir })
  } catch (error) {
    throw explainFailure(error, name, dataDir)
  }
}

async function start(options: StandInOptions): Promise<StandIn> {
  const { name, dataDir, startMs = 30_000 } = options
  const files = standInFiles(dataDir, name)
  const child = await spawnKeeper(options, files.log)
  const news = newsOf(child, files.log)
  try {
    for (const deadline = Date.now() + startMs; Date.now() < deadline;) {
      const ready = await Promise.race([news, delay(pollMs, false)])
      const running = await hold(files.state)
      if (running) return toStandIn(running, running.state.pid === child.pid)
      if (ready) throw new StartupError([`The local ${name} ended at once: see ${files.log}`])
    }
    child.kill()
    throw new StartupError([
      `The local ${name} was not ready within ${startMs} ms: see ${files.log}`,
    ])
  } finally {
    // A keeper that waits behind another one ends when its starter hangs up.
    if (child.connected) child.disconnect()
    child.unref()
  }
}

/** In a process group of its own: a terminal's SIGINT must not reach it before its holders end. */
async function spawnKeeper(options: StandInOptions, logFile: string): Promise<ChildProcess> {
  const { name, dataDir, settings } = options
  const order: KeeperOrder = { name, dataDir, settings }
  await using log = await open(logFile, 'a', 0o600)
  return fork(fileURLToPath(options.program), [JSON.stringify(order)], {
    detached: true,
    cwd: dataDir,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
  })
}

/** Resolves when the keeper is ready; rejects with what it says, or when it ends before. */
async function newsOf(child: ChildProcess, logFile: string): Promise<true> {
  const told = once(child, 'message') as Promise<[KeeperNews]>
  const ended = once(child, 'exit').then(() => undefined)
  const [news] = (await Promise.race([told, ended])) ?? []
  if (!news) throw new StartupError([`The stand-in ended while starting: see ${logFile}`])
  if ('failed' in news) throw new StartupError(news.failed)
  return news.ready
}

interface Hold {
  state: StandInState
  socket: Socket
}

/** Connects and shows the token: a recycled pid or port, or a stale file, does not answer to it. */
async function hold(stateFile: string): Promise<Hold | undefined> {
  const state = await readState(stateFile)
  if (!state) return undefined
  const socket = connect(state.controlPort, '127.0.0.1')
  const signal = AbortSignal.timeout(handshakeMs)
  try {
    await once(socket, 'connect', { signal })
    socket.write(state.token)
    const closed = once(socket, 'close', { signal }).then(() => [])
    const [answer] = await Promise.race([once(socket, 'data', { signal }), closed])
    if (String(answer) === welcome) return { state, socket }
  } catch {
    // Nobody there, or somebody else: either way there is nothing to hold.
  }
  socket.destroy()
  return undefined
}

function toStandIn({ state, socket }: Hold, started: boolean): StandIn {
  socket.on('error', () => {}).unref()
  return {
    started,
    pid: state.pid,
    details: state.details,
    async [Symbol.asyncDispose]() {
      if (socket.destroyed) return
      socket.ref().resume().end()
      await once(socket, 'close', { signal: AbortSignal.timeout(stopMs) })
    },
  }
}
