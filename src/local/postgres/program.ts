import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { runKeeper } from '../keeper.ts'
import { PostgresDetails, PostgresSettings } from '../postgres.ts'
import { findBinaries } from './binaries.ts'
import { ensureCluster } from './initdb.ts'
import { stopOrphan } from './orphan.ts'
import { readPasswords } from './passwords.ts'
import { connectWhenReady, startPostmaster } from './postmaster.ts'
import { databaseName, prepareDatabase } from './prepare-database.ts'
import { findServerUser } from './server-user.ts'

await runKeeper(async ({ dataDir, settings: given }, previous) => {
  const { setupSql, settings } = PostgresSettings.parse(given)
  const directory = join(dataDir, 'postgres')
  const cluster = join(directory, 'cluster')
  await mkdir(directory, { recursive: true })
  const user = await findServerUser(cluster)
  const { initdb, postgres } = await findBinaries(user)
  const passwords = await readPasswords(join(directory, 'passwords.json'))
  await ensureCluster(initdb, cluster, user, passwords.postgres)
  await stopOrphan(cluster)

  const port = await freePort(PostgresDetails.safeParse(previous).data?.port)
  const url = (role: keyof typeof passwords, database = databaseName) =>
    `postgres://${role}:${passwords[role]}@127.0.0.1:${port}/${database}`
  const adminUrl = url('postgres', 'postgres')

  await using opening = new AsyncDisposableStack()
  const server = opening.use(await startPostmaster({ postgres, cluster, user, port, settings }))
  const admin = await connectWhenReady(adminUrl, server.ended)
  await prepareDatabase(admin, url('postgres'), passwords, setupSql)
  await admin.end()
  const open = opening.move()
  return {
    details: { port, ownerUrl: url('gateway_owner'), loginUrl: url('gateway_login'), adminUrl },
    ended: server.ended,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
})
