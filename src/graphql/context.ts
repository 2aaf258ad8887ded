import type { Access } from '../lib/access.ts'
import type { Origin, Viewer } from '../lib/viewer.ts'
import type { BigQuery } from '../platform/bigquery.ts'
import type { Config } from '../platform/config.ts'
import type { DocumentStore } from '../platform/document-store.ts'
import type { Events } from '../platform/events.ts'
import type { HashSecret } from '../platform/hash-secret.ts'
import type { Log } from '../platform/log.ts'
import type { Models } from '../platform/models.ts'
import type { Plan } from '../platform/plan.ts'
import type { Database } from '../platform/postgres/database.ts'
import type { RecoveryCopy } from '../platform/recovery-copy.ts'
import type { TenantReads } from '../platform/postgres/reads.ts'
import type { TenantGates } from '../platform/tenant-gates.ts'
import type { StoreHealth } from '../platform/store-health.ts'
import type { Vault } from '../platform/vault.ts'
import type { ZeroDb } from '../platform/zerodb.ts'
import type { Charge } from './charge.ts'

/** What resolvers and use cases work with; made afresh for every operation. */
export interface Context {
  viewer: Viewer
  tenantId: string
  /** Reads of the viewer's tenant; those of one tick share a round trip. */
  reads: TenantReads
  database: Database
  events: Events
  documents: DocumentStore
  zerodb: ZeroDb
  /** Null where there is none. */
  bigquery: BigQuery | null
  recoveryCopy: RecoveryCopy | null
  /** Before every query for reports. */
  analyticsGates: TenantGates
  health: StoreHealth
  vault: Vault
  hashSecret: HashSecret
  models: Models
  /** Aborts when the client leaves or the operation's time is up. */
  signal: AbortSignal
  plan: Plan
  access: Access
  charge: Charge
  log: Log
  config: Config
  /** Where the operation came from, for the audit. */
  origin: Origin
}

export type ContextServices = Pick<
  Context,
  | 'database'
  | 'events'
  | 'documents'
  | 'zerodb'
  | 'bigquery'
  | 'recoveryCopy'
  | 'analyticsGates'
  | 'health'
  | 'vault'
  | 'hashSecret'
  | 'models'
  | 'log'
  | 'config'
>

export function createContext(
  services: ContextServices,
  operation: Pick<Context, 'viewer' | 'signal' | 'plan' | 'charge' | 'access' | 'origin'>,
): Context {
  const { database, events, documents, zerodb, bigquery, recoveryCopy, health } = services
  const { analyticsGates, vault, hashSecret, models, log, config } = services
  const { viewer, signal, plan, charge, access, origin } = operation
  const { tenantId } = viewer
  const reads = database.reads.forTenant(tenantId, plan, signal)
  return {
    viewer,
    tenantId,
    reads,
    database,
    events,
    documents,
    zerodb,
    bigquery,
    recoveryCopy,
    analyticsGates,
    health,
    vault,
    hashSecret,
    models,
    signal,
    plan,
    access,
    charge,
    log,
    config,
    origin: { ...origin, apiKeyId: viewer.apiKey?.id ?? null },
  }
}
