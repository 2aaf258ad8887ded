import {
  type AnyEntity,
  type EntityName,
  type EntityManager,
  MikroORM,
  UniqueConstraintViolationException,
} from '@mikro-orm/postgresql'
import type { Socket } from 'node:net'
import type pg from 'pg'
import { StartupError } from '../../lib/errors.ts'
import type { Plan } from '../plan.ts'
import { postgresTransaction } from '../telemetry.ts'
import { asUpstreamError, wasSacrificed } from './failure.ts'
import { refusePowerfulRole } from './login-role.ts'
import { prepareQueries } from './prepare-queries.ts'
import { createReadPool, type ReadPool } from './reads.ts'

export interface DatabaseOptions {
  /** Connection string of the login role, which owns nothing and is granted nothing. */
  url: string
  poolSize: number
  /** No statement runs longer; also the longest a caller waits for a lock. */
  statementTimeoutMs: number
  /** How long a caller waits for a free connection before it is told to come back. */
  acquireTimeoutMs: number
  /** Use no connection whose role row-level security does not bind. */
  refusePowerful?: boolean
  entities: EntityName<AnyEntity>[]
}

export interface Database extends AsyncDisposable {
  /** Reads: one round trip each, no transaction held open. */
  reads: ReadPool
  /**
   * One transaction of one tenant: row-level security is set for all of `work`, commit follows when
   * it returns. Never call another neighbour inside it; it may run more than once. Throws UpstreamError when PostgreSQL is away;
   * then nobody knows whether the commit happened. Counts as one in `plan`.
   */
  transaction<T>(tenantId: string, work: (tx: EntityManager) => Promise<T>, plan?: Plan): Promise<T>
  /**
   * The same for the relay of the recovery copy, whose events of many tenants travel together: it sees
   * which there are and notes what became of them, and no content.
   */
  relayTransaction<T>(work: (tx: EntityManager) => Promise<T>): Promise<T>
  /** The same for what is noted of the stores, which belongs to no tenant. */
  systemTransaction<T>(work: (tx: EntityManager) => Promise<T>): Promise<T>
  /** Whether as many wait for a connection as there are: whoever comes now only makes them wait longer. */
  isCrowded(): boolean
  /** Whether a connection can be had and answers; never throws. */
  isReachable(): Promise<boolean>
  /** Connections as they are at this moment, and callers who wait for one. */
  pool(): { busy: number; idle: number; waiting: number }
}

export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const orm = await MikroORM.init({
    clientUrl: options.url,
    entities: options.entities,
    discovery: { warnWhenNoEntities: false },
    // Databases are made by operators; by default the ORM creates what it does not find.
    ensureDatabase: false,
    driverOptions: {
      // The ORM takes host, user and database from the address, but not what it says of TLS.
      connectionString: options.url,
      max: options.poolSize,
      connectionTimeoutMillis: options.acquireTimeoutMs,
      statement_timeout: options.statementTimeoutMs,
      // A process that falls asleep inside a transaction must not keep its locks from the others.
      idle_in_transaction_session_timeout: options.statementTimeoutMs,
      application_name: 'content-gateway',
      // A statement whose connection is gone is ended within a second.
      options: '-c timezone=UTC -c client_connection_check_interval=500',
      ...(options.refusePowerful && { verify }),
    },
  })
  const connection = orm.em.getConnection()
  // Without a look at the server: the gateway starts while PostgreSQL is away, and says so in /readyz.
  await connection.connect({ skipOnConnect: true })
  const pool: pg.Pool = await connection.getNativeClient()
  prepareQueries(pool)
  reclaimLost(pool)
  giveUpSilent(pool, options.statementTimeoutMs + silenceGraceMs)
  if (options.refusePowerful) {
    await tryOnce(pool).catch(async (error: unknown) => {
      await pool.end()
      throw error
    })
  }
  return {
    reads: createReadPool(pool),
    transaction(tenantId, work, plan) {
      if (plan) plan.postgres++
      const variables = { 'app.tenant_id': tenantId }
      return runTransaction(orm.em, { role: 'app_tenant', variables }, work)
    },
    relayTransaction: (work) => runTransaction(orm.em, { role: 'app_relay' }, work),
    systemTransaction: (work) => runTransaction(orm.em, { role: 'app_system' }, work),
    isCrowded: () => pool.waitingCount >= options.poolSize,
    isReachable: () =>
      pool.query('select').then(
        () => true,
        () => false,
      ),
    pool: () => ({
      busy: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
    }),
    async [Symbol.asyncDispose]() {
      await orm.close()
      // The ORM leaves a pool alone through which it never sent anything itself.
      if (!pool.ending) await pool.end()
    },
  }
}

/** Each new connection is looked at before it is used: whoever started without PostgreSQL is not let off. */
async function verify(client: pg.PoolClient, done: (error?: Error) => void): Promise<void> {
  const refused = await refusePowerfulRole(client).catch((error: Error) => error)
  done(refused ?? undefined)
}

/** Opens a connection, and passes on what forbids to start; a server that is away does not. */
async function tryOnce(pool: pg.Pool): Promise<void> {
  try {
    const client = await pool.connect()
    client.release()
  } catch (error) {
    if (error instanceof StartupError) throw error
  }
}

/**
 * Gives connections that broke while in use back to the pool. A transaction does so only after a
 * rollback, which a dead connection cannot answer: each would take a place in the pool for ever.
 */
function reclaimLost(pool: pg.Pool): void {
  const inUse = new Map<pg.PoolClient, () => void>()
  pool.on('acquire', (client) => {
    // Whoever gives it back himself does so as soon as his statement has failed: wait for that.
    const onEnd = () => setImmediate(() => inUse.get(client) === onEnd && client.release(true))
    inUse.set(client, onEnd)
    client.once('end', onEnd)
  })
  pool.on('release', (_error, client) => {
    client.off('end', inUse.get(client) ?? (() => {}))
    inUse.delete(client)
  })
}

/** How long the answer of PostgreSQL that it ended a statement may be on its way. */
const silenceGraceMs = 2_000

/**
 * Cuts connections in use that are silent for longer than any statement may run, so that whoever waits is
 * told: a network that swallows packets never says that a connection is lost, and what was sent on it
 * would be waited for for ever.
 */
function giveUpSilent(pool: pg.Pool, ms: number): void {
  const socketOf = ({ connection }: pg.PoolClient) => connection.stream as Socket
  pool.on('connect', (client) => {
    const socket = socketOf(client)
    socket.on('timeout', () => socket.destroy())
  })
  pool.on('acquire', (client) => void socketOf(client).setTimeout(ms))
  pool.on('release', (_error, client) => void socketOf(client).setTimeout(0))
}

/** A transaction that PostgreSQL undid for the sake of another is run again so often. */
const maxAttempts = 3

async function runTransaction<T>(
  em: EntityManager,
  session: { role: string; variables?: Record<string, string> },
  work: (tx: EntityManager) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await postgresTransaction(() => em.fork({ session }).transactional(work))
    } catch (error) {
      if (wasSacrificed(error) && attempt < maxAttempts) continue
      throw asUpstreamError(error, true) ?? error
    }
  }
}

/** Did a statement collide with this unique constraint or index? */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return (
    error instanceof UniqueConstraintViolationException &&
    'constraint' in error &&
    error.constraint === constraint
  )
}
