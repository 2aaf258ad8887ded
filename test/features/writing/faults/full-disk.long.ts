import { execFile } from 'node:child_process'
import { chmod, chown, mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { startGateway, type TestGateway, type TestTenant } from '../../../support/gateway.ts'
import { expectIntact, expireLeases } from '../../../support/integrity.ts'
import { openOwnPostgres } from '../../../support/own-postgres.ts'
import { temporaryDirectory } from '../../../support/program.ts'
import { tell } from '../../../support/random.ts'
import { createOne, draft } from '../../../support/writes.ts'

const run = promisify(execFile)
const megabyte = 1024 ** 2
/** After there is room again, writes succeed within this time. */
const backMs = 5_000

/** A disk of 64 MB; undefined where this process may not mount one. */
async function mountSmallDisk() {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await temporaryDirectory())
  const path = join(directory.path, 'disk')
  await mkdir(path)
  // The server's user has to get through to it.
  await chmod(directory.path, 0o755)
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', path])
  } catch {
    return undefined
  }
  opened.defer(() => run('umount', ['-l', path]).then(() => {}))
  const owned = opened.move()
  return { path, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Moves the gateway's database to `path`, where its tables will be. */
async function moveDatabase(adminUrl: string, cluster: string, path: string): Promise<void> {
  const { uid, gid } = await stat(cluster)
  await chown(path, uid, gid)
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  await client.query(`create tablespace small location '${path}'`)
  await client.query('alter database gateway set tablespace small')
  await client.end()
}

test(
  'while PostgreSQL has no room writes are refused; once it has they succeed',
  {
    timeout: 120_000,
  },
  async ({ skip }) => {
    await using disk = await mountSmallDisk()
    if (!disk) return skip('mounting a small disk takes root')
    await using stores = await startGateway()
    await using own = await openOwnPostgres(({ adminUrl }, cluster) =>
      moveDatabase(adminUrl, cluster, disk.path),
    )
    await using gateway = await own.startGateway(stores)
    const tenant = await gateway.newTenant()
    const filler = join(disk.path, 'filler')
    const { bavail, bsize } = await statfs(disk.path)
    await writeFile(filler, Buffer.alloc(bavail * bsize - megabyte, 1))

    const written = await writeUntilRefused(gateway, tenant)
    await rm(filler)
    const freedAt = performance.now()
    await vi.waitFor(
      async () => {
        const { __typename } = await createOne(gateway, tenant, draft())
        expect(__typename).toBe('ContentSuccess')
      },
      { timeout: backMs },
    )

    tell(
      `full disk: refused after ${written} writes; back after ${Math.round(performance.now() - freedAt)} ms`,
    )
    await expireLeases(gateway)
    await gateway.sweep()
    await expectIntact(gateway)
  },
)

/** How many writes succeeded before the first that did not. */
async function writeUntilRefused(gateway: TestGateway, tenant: TestTenant): Promise<number> {
  for (let written = 0; ; written++) {
    const title = 'x'.repeat(200)
    const metadata = { filling: Array.from({ length: 500 }, () => Math.random()) }
    const answer = await createOne(gateway, tenant, draft({ title, metadata }))
    if (answer.__typename === 'ContentSuccess') continue
    expect(answer).toMatchObject({ code: 'STORAGE_UNAVAILABLE', store: 'POSTGRES' })
    return written
  }
}
