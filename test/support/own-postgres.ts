import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { type LocalPostgres, openPostgres } from '../../src/local/postgres.ts'
import { migrate } from '../../src/platform/postgres/migrate.ts'
import type { TestGateway } from './gateway.ts'
import { temporaryDirectory } from './program.ts'

/** A PostgreSQL of one test's own, as durable as in production. */
export interface OwnPostgres extends AsyncDisposable {
  postgres: LocalPostgres
  /** As superuser in the gateway's database. */
  admin: pg.Pool
  /** Ends the server without a checkpoint, as `pg_ctl stop -m immediate`, and starts it again. */
  restart(): Promise<void>
  /** A gateway over this database and the other stores of `gateway`. */
  startGateway(gateway: TestGateway): Promise<TestGateway>
}

const setupSql = new URL('../../migrations/roles.sql', import.meta.url)

/** `prepare` is told the server and its directory before the tables are created. */
export async function openOwnPostgres(
  prepare: (server: LocalPostgres, cluster: string) => Promise<void> = async () => {},
): Promise<OwnPostgres> {
  await using opened = new AsyncDisposableStack()
  const { path: dataDir } = opened.use(await temporaryDirectory())
  const open = async () => openPostgres({ dataDir, setupSql: await readFile(setupSql, 'utf8') })
  let postgres = await open()
  opened.defer(() => postgres[Symbol.asyncDispose]())
  const connectionString = Object.assign(new URL(postgres.adminUrl), { pathname: '/gateway' }).href
  const admin = new pg.Pool({ connectionString, max: 4 })
  // Connections that are idle when the server ends.
  admin.on('error', () => {})
  opened.defer(() => admin.end())
  await prepare(postgres, clusterIn(dataDir))
  await migrate(postgres.ownerUrl)
  const owned = opened.move()
  return {
    postgres,
    admin,
    async restart() {
      process.kill(await pidOf(dataDir), 'SIGQUIT')
      await postgres[Symbol.asyncDispose]()
      postgres = await open()
    },
    async startGateway(gateway) {
      const twin = await gateway.startTwin({}, { databaseUrl: postgres.loginUrl })
      return { ...twin, database: { ...twin.database, admin } }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function pidOf(dataDir: string): Promise<number> {
  const text = await readFile(join(clusterIn(dataDir), 'postmaster.pid'), 'utf8')
  return Number(text.split('\n')[0])
}

function clusterIn(dataDir: string): string {
  return join(dataDir, 'postgres', 'cluster')
}
