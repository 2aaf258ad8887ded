import { execFile } from 'node:child_process'
import { chown, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { StartupError } from '../../lib/errors.ts'

/** The ids PostgreSQL's programs run under; empty for our own. */
export interface ServerUser {
  uid?: number
  gid?: number
}

/**
 * How the server's programs name their working directory. On Linux this leads there even when the
 * directories above are closed to the server's user, as a root's home is.
 */
export const workingDirectory = process.platform === 'linux' ? '/proc/self/cwd' : '.'

const run = promisify(execFile)

/**
 * PostgreSQL refuses to run as root. Then the owner of the existing cluster serves, otherwise the
 * first of two users that most systems have.
 */
export async function findServerUser(cluster: string): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return {}
  const owner = await stat(cluster).catch(() => undefined)
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([idOf('-u', name), idOf('-g', name)])
      return { uid, gid }
    } catch {
      // No such user: try the next.
    }
  }
  throw new StartupError([
    'PostgreSQL does not run as root, and there is no user "postgres" or "nobody" to run it as.',
    'Start as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own.',
  ])
}

async function idOf(flag: '-u' | '-g', name: string): Promise<number> {
  const { stdout } = await run('id', [flag, name])
  return Number(stdout)
}

/** Hands a file or directory over to the server's user. */
export async function giveTo({ uid, gid }: ServerUser, path: string): Promise<void> {
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
}
