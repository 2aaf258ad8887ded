import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startZeroDbServer } from '../../src/local/zerodb/server.ts'

export async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'gateway-local-'))
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** Polls until the condition holds; fails when it does not within the deadline. */
export async function until(condition: () => Promise<boolean>, deadlineMs = 5_000): Promise<void> {
  for (const end = Date.now() + deadlineMs; Date.now() < end; await delay(20)) {
    if (await condition()) return
  }
  throw new Error(`Not within ${deadlineMs} ms: ${String(condition)}`)
}

export async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** A process that ended but was not yet waited for (state Z) does not run. */
export async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z')
  return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z')
}

interface Holder<T> extends AsyncDisposable {
  held: T
  child: ChildProcess
}

/**
 * Another process, in a group of its own, that holds a stand-in: `held` is what it got. Disposing it
 * lets go cleanly.
 */
export async function startHolder<T>(what: 'zerodb' | 'postgres', dataDir: string) {
  const program = fileURLToPath(new URL('holder.ts', import.meta.url))
  const child = fork(program, [what, dataDir], { execArgv: [], detached: true })
  const [held] = (await once(child, 'message')) as [T]
  const holder: Holder<T> = {
    held,
    child,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.disconnect()
      await exit
    },
  }
  return holder
}

export const setupSql = `
  do $$ begin
    create role gateway_owner login;
    create role gateway_login login;
  exception when duplicate_object then null;
  end $$`

export const projectId = '5b0d3a39-6a4e-4c53-9c86-9d4b9a0c5f10'
export const apiKey = 'sk_test'

/** A server in memory with a table `things`, and a client that knows its address and key. */
export async function startZeroDb() {
  const server = await startZeroDbServer({ file: ':memory:', projectId, apiKey })
  const base = `${server.url}/api/v1/projects/${projectId}/database`
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(base + path, {
      method,
      headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: response.status, headers: response.headers, body: await response.json() }
  }
  const insert = (rowData: object) => call('POST', '/tables/things/rows', { row_data: rowData })
  const query = (body: object) => call('POST', '/tables/things/query', body)
  /** The ids of the rows that meet the filter, sorted. */
  const idsOf = async (filter: object) => {
    const { body } = await query({ filter, sort: { id: 1 } })
    return rowsOf(body).map(({ row_data: rowData }) => rowData['id'])
  }
  await call('POST', '/tables', { table_name: 'things' })
  server.calls.length = 0
  return { ...server, base, call, insert, query, idsOf }
}

export interface Row {
  row_id: string
  row_data: Record<string, unknown>
}

export function rowsOf(body: unknown): Row[] {
  return (body as { data: Row[] }).data
}
