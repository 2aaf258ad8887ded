import { findCopyBacklog } from '../features/backup/copy-backlog.ts'
import { findStoredBytes } from '../features/quota/stored-bytes.ts'
import { within } from '../lib/within.ts'
import type { Services } from '../platform/services.ts'
import { gauge, registry } from '../platform/telemetry/metrics.ts'

const pool = gauge('postgres_pool', 'Connections, and callers who wait for one.', 'state')
const breaker = gauge('breaker_state', '1 for the state it is in.', 'neighbour', 'state')
const inFlight = gauge('zerodb_in_flight', 'Requests under way, and those that wait.', 'state')
const cached = gauge('cache_bytes', 'Bodies in memory.', 'cache')
const unsynced = gauge('copy_unsynced', 'Versions and purges that are not in the copy yet.')
const lag = gauge('copy_lag_seconds', 'Age of the oldest of them.')
const stored = gauge('total_storage_bytes', 'Of all tenants: bodies and media.')

/** What the database tells is as old as this at most, however often one asks. */
const freshMs = 10_000
/** A scrape is answered without it where PostgreSQL does not. */
const patienceMs = 2_000

/** Everything there is to count, in the text format of Prometheus. */
export function createScrape(services: Services): () => Promise<string> {
  let readAt = -Infinity
  return async () => {
    noteInstance(services)
    if (performance.now() - readAt > freshMs) {
      readAt = performance.now()
      await within(
        patienceMs,
        noteStores(services).catch((error: unknown) => {
          services.log.warn({ err: error }, 'metrics of the database cannot be read')
        }),
      )
    }
    return registry.metrics()
  }
}

function noteInstance({ database, zerodb, bigquery, documents, recoveryCopy }: Services): void {
  for (const [state, count] of Object.entries(database.pool())) pool.set({ state }, count)
  const health = zerodb.health()
  inFlight.set({ state: 'sent' }, health.inFlight)
  inFlight.set({ state: 'waiting' }, health.queued)
  const breakers = { ZeroDB: health.state, ...(bigquery && { BigQuery: bigquery.health().state }) }
  for (const [neighbour, now] of Object.entries(breakers)) {
    for (const state of ['closed', 'halfOpen', 'open'] as const) {
      breaker.set({ neighbour, state }, state === now ? 1 : 0)
    }
  }
  cached.set({ cache: 'bodies' }, documents.heldBytes())
  if (recoveryCopy) cached.set({ cache: 'copies' }, recoveryCopy.heldBytes())
}

async function noteStores({ database }: Services): Promise<void> {
  const reads = database.reads.asSystem()
  const [backlog, bytes] = await Promise.all([findCopyBacklog(reads), findStoredBytes(reads)])
  unsynced.set(backlog.unsyncedCount)
  lag.set(backlog.lagSeconds)
  stored.set(bytes)
}
