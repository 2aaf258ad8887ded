import { PgBoss } from 'pg-boss'
import pgBoss from 'pg-boss/package.json' with { type: 'json' }
import { StartupError } from '../../lib/errors.ts'
import type { Log } from '../log.ts'
import { ringChannel } from './ring-sql.ts'

/**
 * What takes messages and clears away what dead workers had taken. It runs as a role that may use the
 * queue and nothing else, so whatever needs the owner of the tables is off.
 */
export function createBoss(databaseUrl: string, log: Log): PgBoss {
  const boss = new PgBoss({
    connectionString: databaseUrl,
    application_name: 'content-gateway queue',
    options: '-c role=app_queue -c statement_timeout=10s',
    ...silence,
    max: 2,
    connectionTimeoutMillis: 5_000,
    migrate: false,
    createSchema: false,
    reindex: false,
    monitorVacuum: false,
    schedule: false,
  })
  boss.on('error', (error) => log.warn({ err: error }, 'the task queue is disturbed'))
  boss.on('warning', (warning) => log.warn({ warning }, 'the task queue warns'))
  return boss
}

/**
 * A network that swallows packets never says so: a connection that has not answered by then is given
 * up. An option of `pg`, to which the library hands its own on.
 */
const silence = { query_timeout: 12_000 }

/**
 * Connects, checks the schema and listens; may be repeated until it succeeds. Answers what ends the
 * listening, which stopping the boss does not. Throws StartupError where only an operator can help.
 */
export async function startBoss(boss: PgBoss, onRing: () => void): Promise<AsyncDisposable> {
  try {
    await boss.start()
  } catch (error) {
    await putRight(boss, error)
    await boss.start()
  }
  const listener = await boss.getDb().listen?.(ringChannel, onRing, onRing)
  return { [Symbol.asyncDispose]: async () => listener?.close() }
}

const neededVersion = pgBoss.pgboss.schema

async function putRight(boss: PgBoss, error: unknown): Promise<void> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === noSuchRole || code === notAllowed) throw new StartupError([lackOfRights], 2)
  if (code !== undefined) throw error
  const installed = await boss.isInstalled()
  const version = installed ? await boss.schemaVersion() : undefined
  if (version === neededVersion) throw error
  if (version !== null) throw new StartupError([misfit(version)], 2)
  // The tables were emptied: messages are lost, which sweepers make good, and the number with them.
  await boss.getDb().executeSql(restoreVersionSql, [neededVersion])
}

const noSuchRole = '22023'
const notAllowed = '42501'
const lackOfRights =
  'The gateway may not use its task queue as the role app_queue. Run migrations/roles.sql on the ' +
  'database as an administrator, then `gateway migrate`.'

function misfit(version: number | undefined): string {
  const found = version === undefined ? 'is missing' : `has schema version ${version}`
  return `The task queue ${found}, version ${neededVersion} is needed. Run \`gateway migrate\` of this release.`
}

const restoreVersionSql = `
  insert into pgboss.version (version) select $1 where not exists (select from pgboss.version)
  on conflict do nothing`
