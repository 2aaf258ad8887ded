import { Migrator } from '@mikro-orm/migrations'
import { MikroORM } from '@mikro-orm/postgresql'
import { fileURLToPath } from 'node:url'
import { StartupError } from '../../lib/errors.ts'

const directory = fileURLToPath(new URL('../../../migrations', import.meta.url))

/**
 * Brings the schema up to date as its owner, or with `to` up or down to that migration ('0' is the
 * empty schema); answers the names of what was run. Starters that come at once wait for each other.
 */
export async function migrate(ownerUrl: string, to?: string): Promise<string[]> {
  const orm = await MikroORM.init({
    clientUrl: ownerUrl,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    migrations: { path: directory, glob: '*.ts', snapshot: false },
    logger: () => {},
    // The ORM takes host, user and database from the address, but not what it says of TLS.
    driverOptions: { connectionString: ownerUrl },
  })
  try {
    return await withLock(orm, async () => {
      const { migrator } = orm
      if (to === undefined) return namesOf(await migrator.up())
      const executed = (await migrator.getExecuted()).map(({ name }) => name)
      const down = to === '0' || executed.includes(to)
      return namesOf(
        down ? await migrator.down({ to: to === '0' ? 0 : to }) : await migrator.up({ to }),
      )
    })
  } catch (error) {
    if (isUnreachable(error)) throw new StartupError([unreachable(ownerUrl, error)])
    throw lacksRole(error) ? new StartupError([`${error.message}. ${remedy}`], 2) : error
  } finally {
    await orm.close()
  }
}

/** No connection, no such database (3D000), or the owner is refused (class 28). */
function isUnreachable(error: unknown): error is Error & { code: string } {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return false
  return /^(E[A-Z]+|28...|3D000)$/.test(error.code)
}

/** A migration grants rights to a role that came with a later `roles.sql` than this database has seen. */
function lacksRole(error: unknown): error is Error {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === '42704' &&
    /role/.test(error.message)
  )
}

const remedy =
  'Run migrations/roles.sql of this release on the database as an administrator, then migrate again.'

function unreachable(
  ownerUrl: string,
  { code, message }: { code: string; message: string },
): string {
  const { hostname, port, pathname } = new URL(ownerUrl)
  const place = `${hostname}:${port || 5432}${pathname}`
  return `PostgreSQL at ${place} does not let the owner in (${code}: ${message}). Check DATABASE_OWNER_URL.`
}

function namesOf(migrations: readonly { name: string }[]): string[] {
  return migrations.map(({ name }) => name)
}

/** Any number that nobody else uses for an advisory lock in this database. */
const lockId = 420_261_120

/** On a connection of its own: the lock must outlive the migrations' transactions. */
async function withLock<T>(orm: MikroORM, work: () => Promise<T>): Promise<T> {
  const pool = await orm.em.getConnection().getNativeClient()
  const client = await pool.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [lockId])
    return await work()
  } finally {
    client.release(true)
  }
}
