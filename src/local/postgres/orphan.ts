import { execFile } from 'node:child_process'
import { readFile, readlink, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { StartupError } from '../../lib/errors.ts'

const patienceMs = 10_000
const pollMs = 20

/**
 * Ends a server that outlived its keeper, so that the cluster is never opened twice. A pid file left
 * by a crash may name a process that has nothing to do with us: PostgreSQL would refuse to start, so
 * the file goes. One that names no process stays: PostgreSQL checks it for survivors.
 */
export async function stopOrphan(cluster: string): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid')
  const [line = ''] = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n')
  const pid = Number(line)
  if (!pid) return
  if (!isAlive(pid)) return
  if (!(await serves(pid, cluster))) return rm(pidFile, { force: true })
  process.kill(pid, 'SIGINT')
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await delay(pollMs)) {
    if (!(await serves(pid, cluster))) return
  }
  throw new StartupError([
    `A PostgreSQL server from an earlier run (pid ${pid}) does not stop.`,
    `Kill it with "kill -QUIT ${pid}" and start again.`,
  ])
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** True when the process works in this cluster, as every PostgreSQL server does in its own. */
async function serves(pid: number, cluster: string): Promise<boolean> {
  if (process.platform === 'linux') {
    return (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === (await realpath(cluster))
  }
  const found = await run('lsof', ['-a', '-p', String(pid), '-d', 'cwd', '-Fn']).catch(() => null)
  return found?.stdout.includes(await realpath(cluster)) ?? false
}

const run = promisify(execFile)
