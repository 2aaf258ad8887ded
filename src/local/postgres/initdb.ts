import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { giveTo, workingDirectory, type ServerUser } from './server-user.ts'

/** The built-in C.UTF-8 locale sorts and folds the same on every system, without ICU. */
const flags = [
  `--pgdata=${workingDirectory}`,
  '--pwfile=/dev/stdin',
  '--username=postgres',
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--set=timezone=UTC',
  '--no-sync',
  '--no-instructions',
]

/** Creates the cluster unless it is there; half a cluster never bears the name. */
export async function ensureCluster(
  initdb: string,
  cluster: string,
  user: ServerUser,
  password: string,
): Promise<void> {
  if (existsSync(cluster)) return
  const unfinished = `${cluster}.new`
  const passwordFile = `${cluster}.password`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { mode: 0o700 })
  await writeFile(passwordFile, password, { mode: 0o600 })
  try {
    await giveTo(user, unfinished)
    await giveTo(user, passwordFile)
    await runInitdb(initdb, unfinished, user, passwordFile)
  } finally {
    await rm(passwordFile)
  }
  await rename(unfinished, cluster)
}

async function runInitdb(initdb: string, cwd: string, user: ServerUser, passwordFile: string) {
  await using input = await open(passwordFile)
  const stdio = [input.fd, 'ignore', 'pipe'] as const
  const run = spawnSync(initdb, flags, { ...user, cwd, stdio: [...stdio], encoding: 'utf8' })
  if (run.error) throw run.error
  if (run.status !== 0) throw new Error(`initdb failed: ${run.stderr.trim()}`)
}
