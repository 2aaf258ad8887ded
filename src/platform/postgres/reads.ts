import { nextTick } from 'node:process'
import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import { createRecent, type RecentSummary } from '../http/recent.ts'
import { UpstreamError } from '../../lib/errors.ts'
import { untilAborted } from '../../lib/until-aborted.ts'
import type { Plan } from '../plan.ts'
import { postgresTrip } from '../telemetry.ts'
import { asUpstreamError } from './failure.ts'
import { type Read, type SqlValue, type Statement, toText, Trip } from './trip.ts'

/** The reads of one tenant within one operation. */
export interface TenantReads {
  readonly tenantId: string
  /**
   * Rows of one SELECT, as objects keyed by column alias. Selects asked for in the same tick leave
   * together: one round trip, the tenant set for all of them. Throws UpstreamError.
   */
  rows<Row>(text: string, values: readonly SqlValue[]): Promise<Row[]>
}

export interface ReadPool {
  /**
   * Counts its round trips in `plan`. Once `signal` aborts, nothing more is sent, whoever waits is told
   * its reason, and a statement under way is soon ended.
   */
  forTenant(tenantId: string, plan?: Plan, signal?: AbortSignal): TenantReads
  /** Reads that cross tenants, as the narrow role `app_system`. */
  asSystem(plan?: Plan): Pick<TenantReads, 'rows'>
  /** How the last round trips went. */
  recent(): RecentSummary
}

/** Distinct texts that every connection keeps prepared; the one not used for the longest time makes room. */
const maxPrepared = 500

const becomeTenant = prepared(
  'become_tenant',
  `select set_config('role', 'app_tenant', true), set_config('app.tenant_id', $1, true)`,
)
const becomeSystem = prepared(
  'become_system',
  `select set_config('role', 'app_system', true), set_config('app.tenant_id', '', true)`,
)

function prepared(name: string, text: string): Statement {
  return { name, text, fields: [] }
}

/** Reads over a pool that belongs to the caller, who closes it. */
export function createReadPool(pool: pg.Pool): ReadPool {
  // One more than there are statements: a new one has its name before an old one gives back its own.
  const names = Array.from({ length: maxPrepared + 1 }, (_, index) => `s${index}`)
  const statements = new LRUCache<string, Statement>({
    max: maxPrepared,
    dispose: ({ name }) => names.push(name),
  })
  const recent = createRecent()

  const statementOf = (text: string): Statement => {
    const known = statements.get(text)
    if (known) return known
    const statement = { text, name: names.pop() ?? '', fields: undefined }
    statements.set(text, statement)
    return statement
  }
  const begin = (tenantId: string | undefined): Read =>
    tenantId === undefined
      ? { statement: becomeSystem, values: [], rows: [] }
      : { statement: becomeTenant, values: [tenantId], rows: [] }

  const reads = (tenantId: string | undefined, plan?: Plan, signal?: AbortSignal) =>
    new BatchedReads(async (batch) => {
      if (plan) plan.postgres++
      signal?.throwIfAborted()
      const startedAt = performance.now()
      let answered = true
      try {
        await postgresTrip(() => sendTrip(pool, [begin(tenantId), ...batch], signal))
      } catch (error) {
        answered = !(error instanceof UpstreamError)
        throw error
      } finally {
        recent.note(performance.now() - startedAt, answered)
      }
    }, statementOf)

  return {
    forTenant: (tenantId, plan, signal) =>
      Object.assign(reads(tenantId, plan, signal), { tenantId }),
    asSystem: (plan) => reads(undefined, plan),
    recent: recent.summary,
  }
}

/** Collects the selects of one tick and sends them as one trip. */
class BatchedReads {
  readonly #send: (batch: readonly Read[]) => Promise<void>
  readonly #statementOf: (text: string) => Statement
  #batch: Read[] = []
  #sent: Promise<void> | undefined

  constructor(
    send: (batch: readonly Read[]) => Promise<void>,
    statementOf: (text: string) => Statement,
  ) {
    this.#send = send
    this.#statementOf = statementOf
  }

  async rows<Row>(text: string, values: readonly SqlValue[]): Promise<Row[]> {
    const read: Read = { statement: this.#statementOf(text), values: values.map(toText), rows: [] }
    this.#batch.push(read)
    this.#sent ??= new Promise<void>((resolve, reject) => {
      nextTick(() => {
        const batch = this.#batch
        this.#batch = []
        this.#sent = undefined
        this.#send(batch).then(resolve, reject)
      })
    })
    await this.#sent
    return read.rows as Row[]
  }
}

async function sendTrip(pool: pg.Pool, reads: readonly Read[], signal?: AbortSignal) {
  try {
    const client = await acquire(pool, signal)
    await travel(client, reads, signal)
  } catch (error) {
    throw asUpstreamError(error, false) ?? error
  }
}

/** Who leaves while waiting for a connection lets it go when it comes. */
function acquire(pool: pg.Pool, signal?: AbortSignal): Promise<pg.PoolClient> {
  const acquiring = pool.connect()
  const letGo = () => void acquiring.then((client) => client.release()).catch(() => {})
  return untilAborted(acquiring, signal, letGo)
}

/** What is read for nobody may take so long; its connection is worth more than that. */
const abandonedMs = 100

/** Gives the client back when the trip is over, whether or not somebody still waits for it. */
async function travel(client: pg.PoolClient, reads: readonly Read[], signal?: AbortSignal) {
  let isOver = false
  const end = (failure?: Error) => {
    // After an error nobody knows which statements the server still holds: start afresh.
    if (!isOver) client.release(failure)
    isOver = true
  }
  const trip = new Promise<void>((resolve, reject) => {
    const done = (error?: Error) => {
      end(error)
      if (error) reject(error)
      else resolve()
    }
    client.query(new Trip(reads, done))
  })
  // PostgreSQL sees that the connection is gone and ends the statement (`client_connection_check_interval`).
  const abandon = () => void setTimeout(end, abandonedMs, new Error('nobody waits any more'))
  await untilAborted(trip, signal, abandon)
}
