import { setTimeout as delay } from 'node:timers/promises'
import { builder } from '../../graphql/builder.ts'
import { StoreKindEnum } from '../../graphql/errors.ts'
import { EventInterface, type LiveEvent, type Resumable } from '../../graphql/event.ts'
import { listOf } from '../../graphql/list-size.ts'
import { type Place, watch } from '../../graphql/watch.ts'
import type { ReadMode } from '../../lib/viewer.ts'
import { within } from '../../lib/within.ts'
import type { StoreReport } from '../../platform/store-health.ts'
import { askMs, checkStores } from './check-stores.ts'
import { ReadModeEnum } from './read-mode.graphql.ts'
import { healthNews } from './health-news.ts'
import { findReadMode } from './find-read-mode.ts'

const HealthStateEnum = builder.enumType('HealthState', {
  description:
    'DISABLED: not configured, or switched off. MOCK: a local stand-in serves it, and is well.',
  values: {
    HEALTHY: { value: 'healthy' },
    DEGRADED: { value: 'degraded' },
    DOWN: { value: 'down' },
    DISABLED: { value: 'disabled' },
    MOCK: { value: 'mock' },
  } as const,
})

const BreakerStateEnum = builder.enumType('BreakerState', {
  description: 'OPEN: nothing is sent. HALF_OPEN: one request finds out whether it is back.',
  values: {
    CLOSED: { value: 'closed' },
    OPEN: { value: 'open' },
    HALF_OPEN: { value: 'halfOpen' },
  } as const,
})

export const StoreHealthObject = builder.objectRef<StoreReport>('StoreHealth').implement({
  description:
    'How a store looks from the instance that was asked; numbers are of the last minute.',
  fields: (t) => ({
    store: t.expose('store', { type: StoreKindEnum }),
    state: t.expose('state', { type: HealthStateEnum }),
    p50Ms: t.float({ nullable: true, resolve: ({ recent }) => recent?.p50Ms }),
    p95Ms: t.float({ nullable: true, resolve: ({ recent }) => recent?.p95Ms }),
    p99Ms: t.float({ nullable: true, resolve: ({ recent }) => recent?.p99Ms }),
    errorRate: t.float({
      nullable: true,
      description: 'Share of the requests that failed, 0 to 1.',
      resolve: ({ recent }) => recent?.errorRate,
    }),
    breaker: t.expose('breaker', { type: BreakerStateEnum, nullable: true }),
    since: t.expose('since', { type: 'DateTime', description: 'When it was first seen so.' }),
    message: t.exposeString('message', {
      nullable: true,
      description: 'What is wrong, and what to do.',
    }),
  }),
})

builder.queryField('storeHealth', (t) =>
  t.field({
    type: [StoreHealthObject],
    directives: listOf(5),
    description: 'ZeroDB, PostgreSQL and BigQuery, as the instance that was asked sees them.',
    authScopes: { scope: 'OPS_READ' },
    resolve: (_root, _args, context) => checkStores(context),
  }),
)

interface HealthEvent extends LiveEvent {
  report: StoreReport
  readMode: ReadMode
}

const HealthEventObject = builder.objectRef<Resumable<HealthEvent>>('HealthEvent').implement({
  interfaces: [EventInterface],
  fields: (t) => ({
    store: t.expose('report', { type: StoreHealthObject }),
    readMode: t.expose('readMode', { type: ReadModeEnum }),
  }),
})

/** With the look itself, a change is told within a second. */
const lookEveryMs = 500

async function* ticks(signal: AbortSignal): AsyncGenerator<undefined, void> {
  while (!signal.aborted) {
    yield
    await delay(lookEveryMs, undefined, { signal }).catch(() => {})
  }
}

builder.subscriptionField('storeHealthChanged', (t) =>
  t.field({
    type: HealthEventObject,
    description:
      'Each store as it is, then whenever its state changes; a change of the read mode is told with each.',
    authScopes: { scope: 'OPS_READ' },
    args: { after: t.arg.string() },
    subscribe: (_root, { after }, { tenantId, signal, ...context }) => {
      const { database, events, health, bigquery } = context
      const name = 'storeHealthChanged'
      const look = async () => {
        const reads = database.reads.forTenant(tenantId)
        const [reports, readMode] = await Promise.all([
          checkStores({ health, bigquery, database, reads }),
          within(askMs, findReadMode(reads)),
        ])
        return { reports, readMode: readMode ?? null }
      }
      const read = async (place: Place | null) =>
        healthNews(await events.share(`${name}:${tenantId}`, look), place)
      const ticking = { wakeUps: () => ticks(signal) }
      return watch({ events: ticking, signal }, { name, topics: [], read }, after)
    },
    resolve: (event) => event,
  }),
)
