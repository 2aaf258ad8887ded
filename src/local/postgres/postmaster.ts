import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { workingDirectory, type ServerUser } from './server-user.ts'

export interface PostmasterOptions {
  postgres: string
  cluster: string
  user: ServerUser
  port: number
  /** `postgresql.conf` by name, e.g. `{ fsync: 'off' }`. */
  settings: Readonly<Record<string, string>>
}

const developmentSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '64MB',
  jit: 'off',
  log_timezone: 'UTC',
}

const fastShutdown = 'SIGINT'
const stopMs = 10_000
const startMs = 20_000
const pollMs = 20

export interface Postmaster extends AsyncDisposable {
  /** Aborts when the server ends, for whatever reason. */
  ended: AbortSignal
}

/** Runs the server until disposed. Should this process be killed, the watchdog stops the server. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { postgres, cluster, user, port } = options
  const settings = { ...developmentSettings, ...options.settings }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(postgres, ['-D', workingDirectory, '-p', String(port), ...flags], {
    ...user,
    cwd: cluster,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await once(server, 'spawn')
  const watchdog = startWatchdog(server, user, cluster)
  const ended = new AbortController()
  server.once('exit', () => ended.abort())
  return {
    ended: ended.signal,
    async [Symbol.asyncDispose]() {
      await stopServer(server)
      watchdog.kill('SIGKILL')
    },
  }
}

/** A shell that waits for the end of its input, which comes with the end of this process. */
function startWatchdog(server: ChildProcess, user: ServerUser, cwd: string): ChildProcess {
  const script = `read _; kill -INT ${server.pid}`
  return spawn('/bin/sh', ['-c', script], { ...user, cwd, stdio: ['pipe', 'ignore', 'ignore'] })
}

async function stopServer(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const exit = once(server, 'exit')
  server.kill(fastShutdown)
  const late = delay(stopMs, 'late', { ref: false })
  if ((await Promise.race([exit, late])) !== 'late') return
  server.kill('SIGQUIT')
  await exit
}

/** A connection, once the server takes them; rejects when it ends instead. */
export async function connectWhenReady(
  connectionString: string,
  ended: AbortSignal,
): Promise<Client> {
  for (const deadline = Date.now() + startMs; ; await delay(pollMs)) {
    const client = new Client({ connectionString })
    try {
      await client.connect()
      return client
    } catch (error) {
      if (ended.aborted) throw new Error('the server ended, see postgres.log', { cause: error })
      if (!isStarting(error) || Date.now() > deadline) throw error
    }
  }
}

function isStarting(error: unknown): boolean {
  const { code } = error as { code?: string }
  const cannotConnectNow = '57P03'
  return code === 'ECONNREFUSED' || code === cannotConnectNow
}
