import { UpstreamError } from '../lib/errors.ts'
import { within } from '../lib/within.ts'
import type { BigQuery } from './bigquery.ts'
import type { BreakerState } from './http/breaker.ts'
import { type RecentSummary, slowAnswerMs } from './http/recent.ts'
import type { Database } from './postgres/database.ts'
import { snapshotTable } from './recovery-copy/snapshot-tables.ts'
import type { ZeroDb } from './zerodb.ts'

export const storeKinds = ['zerodb', 'postgres', 'bigquery'] as const
export type StoreKind = (typeof storeKinds)[number]

/** `mock` is a local stand-in that is well. */
export type HealthState = 'healthy' | 'degraded' | 'down' | 'disabled' | 'mock'

/** How a store looks from this instance. */
export interface StoreReport {
  store: StoreKind
  state: HealthState
  /** Of its requests in the last minute; null where none are counted. */
  recent: Pick<RecentSummary, 'errorRate' | 'p50Ms' | 'p95Ms' | 'p99Ms'> | null
  breaker: BreakerState | null
  /** When this instance first saw it in that state. */
  since: Date
  /** What is wrong, and what to do; null when there is nothing to say. */
  message: string | null
}

export interface StoreHealth {
  /** Looks at each store, and asks one that nobody has asked lately; within a second. Never throws. */
  look(): Promise<StoreReport[]>
}

export interface StoreHealthOptions {
  zerodb: Pick<ZeroDb, 'health' | 'checkFilter'>
  database: Pick<Database, 'isReachable' | 'reads'>
  bigquery: Pick<BigQuery, 'health' | 'check'> | null
  /** Whether what is written is copied to BigQuery. */
  isCopying: boolean
  /** Stores that local stand-ins serve. */
  standIns: readonly StoreKind[]
}

type Finding = Omit<StoreReport, 'store' | 'since'>

/** Requests that fail more often than this are an alert (E-196). */
export const maxErrorRate = 0.01
/** However many watch, a store is looked at so often. */
const lookEveryMs = 400
/** A store that was not heard of for so long, or whose last answer was none, is asked. */
const quietMs = 1_000
const probeMs = 800
/** It is asked for a table's description, which costs nothing and has no hurry. */
const bigqueryQuietMs = 10_000
const bigqueryAnswerMs = 5_000

export function createStoreHealth(options: StoreHealthOptions): StoreHealth {
  const { standIns } = options
  const known = new Map<StoreKind, { state: HealthState; since: Date }>()
  const checks: Record<StoreKind, () => Promise<Finding>> = {
    zerodb: createZeroDbCheck(options),
    postgres: () => checkPostgres(options.database),
    bigquery: createBigQueryCheck(options),
  }

  const report = async (store: StoreKind): Promise<StoreReport> => {
    const found = await checks[store]()
    const state = found.state === 'healthy' && standIns.includes(store) ? 'mock' : found.state
    const before = known.get(store)
    const since = before?.state === state ? before.since : new Date()
    known.set(store, { state, since })
    return { store, ...found, state, since }
  }

  let latest: Promise<StoreReport[]> | undefined
  let lookedAt = 0
  return {
    look() {
      if (!latest || performance.now() - lookedAt > lookEveryMs) {
        lookedAt = performance.now()
        latest = Promise.all(storeKinds.map(report))
      }
      return latest
    },
  }
}

function createZeroDbCheck({ zerodb }: StoreHealthOptions): () => Promise<Finding> {
  let probe: Promise<unknown> | undefined
  return async () => {
    const before = zerodb.health()
    if (before.idleMs > quietMs || !before.lastOk || before.state !== 'closed') {
      // Its own failure is what the breaker and the numbers below tell.
      probe ??= zerodb
        .checkFilter('content_items')
        .catch(() => {})
        .finally(() => (probe = undefined))
      await within(probeMs, probe)
    }
    const { state: breaker, pausedMs, ...recent } = zerodb.health()
    const [state, message] = judge(breaker, recent, {
      down: 'It does not answer and is asked again every second. Bodies are read from the recovery copy where there is one; writes fail unless they say onUnavailable: QUEUE.',
      pausedMs,
    })
    return { state, recent, breaker, message }
  }
}

async function checkPostgres(database: StoreHealthOptions['database']): Promise<Finding> {
  const probed = await within(probeMs, database.isReachable())
  const recent = database.reads.recent()
  // Where all connections are busy, the probe waits in vain for one; what keeps them busy is answered.
  const isReachable = probed || recent.silentMs < probeMs
  const breaker = null
  if (!isReachable) {
    const message =
      'It does not answer, and without it nothing can be read or written: see to the database and the network to it.'
    return { state: 'down', recent, breaker, message }
  }
  const [state, message] = judge('closed', recent, {})
  return { state, recent, breaker, message }
}

function createBigQueryCheck({ bigquery, isCopying }: StoreHealthOptions): () => Promise<Finding> {
  let probe: Promise<void> | undefined
  let askedAt = Number.NEGATIVE_INFINITY
  let failure: UpstreamError | null = null
  const ask = async (client: Pick<BigQuery, 'check'>) => {
    askedAt = performance.now()
    const checked = client.check(snapshotTable).then(
      () => null,
      (error: unknown) => (error instanceof UpstreamError ? error : null),
    )
    const answer = await within(bigqueryAnswerMs, checked)
    failure = answer === undefined ? new UpstreamError('BigQuery', 'timeout', 'no answer') : answer
  }
  return async () => {
    if (!bigquery) return disabled('None is configured: set BIGQUERY_PROJECT_ID to have a copy.')
    if (!isCopying) return disabled('Copying is switched off by BIGQUERY_SYNC_ENABLED.')
    if (performance.now() - askedAt > bigqueryQuietMs) probe = ask(bigquery)
    if (probe) await within(probeMs, probe)
    const { state: breaker, ...recent } = bigquery.health()
    const [state, message] = failure
      ? judgeFailure(failure)
      : // Its queries take seconds when all is well.
        judge(breaker, { ...recent, p95Ms: 0 }, { down: 'It does not answer.' })
    return { state, recent, breaker, message }
  }
}

function disabled(message: string): Finding {
  return { state: 'disabled', recent: null, breaker: null, message }
}

function judgeFailure({ failure }: UpstreamError): Verdict {
  if (failure !== 'rejected') return ['down', 'It does not answer; copying goes on when it does.']
  return [
    'degraded',
    'It refuses our table of versions, or ours is of another form: check the rights of the service account and run `gateway setup`.',
  ]
}

type Verdict = [state: HealthState, message: string | null]

function judge(
  breaker: BreakerState,
  { errorRate, p95Ms }: Pick<RecentSummary, 'errorRate' | 'p95Ms'>,
  { down = '', pausedMs = 0 }: { down?: string; pausedMs?: number },
): Verdict {
  if (breaker === 'open') return ['down', down]
  if (breaker === 'halfOpen') return ['degraded', 'It was away, and is asked whether it is back.']
  if (pausedMs > 0) return ['degraded', 'It asks for a pause: too much is sent to it.']
  const percent = (100 * errorRate).toFixed(1)
  if (errorRate > maxErrorRate) return ['degraded', `${percent} % of its requests fail.`]
  if (p95Ms > slowAnswerMs) {
    return ['degraded', `One request in twenty takes ${Math.round(p95Ms)} ms or longer.`]
  }
  return ['healthy', null]
}
