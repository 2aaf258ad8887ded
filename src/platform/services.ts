import type { AnyEntity, EntityName } from '@mikro-orm/postgresql'
import { type BigQuery, type BigQueryOptions, createBigQuery } from './bigquery.ts'
import type { Config } from './config.ts'
import { createDocumentStore, type DocumentStore } from './document-store.ts'
import { type KeyManager, type KeyManagerOptions, openKeyManager } from './key-manager.ts'
import { createHashSecret, type HashSecret } from './hash-secret.ts'
import { createLog, type Log } from './log.ts'
import { createModels, type ModelEndpoints, type Models } from './models.ts'
import { loadPrices } from './models/prices.ts'
import { type Events, openEvents } from './events.ts'
import { type Database, openDatabase } from './postgres/database.ts'
import { createRecoveryCopy, type RecoveryCopy } from './recovery-copy.ts'
import { createStoreHealth, type StoreHealth, type StoreKind } from './store-health.ts'
import { documentAlarm } from './telemetry.ts'
import { createTenantGates, type TenantGates } from './tenant-gates.ts'
import { createTokenVerifier, type IdentityProvider, type TokenVerifierOptions } from './tokens.ts'
import { createVault, type Vault } from './vault.ts'
import { createZeroDb, type ZeroDb, type ZeroDbOptions } from './zerodb.ts'

/** Everything outside this process, opened once and closed together. */
export interface Services extends AsyncDisposable {
  config: Config
  log: Log
  /** For connections of their own, beside the pool of `database`. */
  databaseUrl: string
  database: Database
  events: Events
  zerodb: ZeroDb
  /** Another project of ZeroDB, which a restore may fill; null where none is configured. */
  newZeroDbProject: ZeroDb | null
  documents: DocumentStore
  /** Null where there is none: the gateway works without. */
  bigquery: BigQuery | null
  /** For reports: one tenant's must not keep BigQuery from the others. */
  analyticsGates: TenantGates
  /** What BigQuery keeps of contents; null where there is none. */
  recoveryCopy: RecoveryCopy | null
  health: StoreHealth
  identityProvider: IdentityProvider
  verifyToken: ReturnType<typeof createTokenVerifier>
  keyManager: KeyManager
  vault: Vault
  /** Of API keys. */
  hashSecret: HashSecret
  models: Models
}

/** Where the neighbours are: from the configuration, or stand-ins in their place. */
export interface Neighbours {
  databaseUrl: string
  zerodb: Pick<ZeroDbOptions, 'baseUrl' | 'projectId' | 'credential'>
  bigquery: Omit<BigQueryOptions, 'dataset' | 'location'> | null
  tokens: Pick<TokenVerifierOptions, 'issuer' | 'keys'>
  /** Whose keys `tokens` are; absent for keys that are known once and for all. */
  identityProvider?: IdentityProvider
  masterKeys: KeyManagerOptions
  /** What the secrets of API keys are hashed with; the same for all instances. */
  pepper: string
  models: ModelEndpoints
  /** Stores that local stand-ins serve; none when absent. */
  standIns?: readonly StoreKind[]
}

export async function openServices(
  config: Config,
  neighbours: Neighbours,
  entities: EntityName<AnyEntity>[],
  log: Log = createLog(config.LOG_LEVEL),
): Promise<Services> {
  await using opened = new AsyncDisposableStack()
  const database = opened.use(
    await openDatabase({
      url: neighbours.databaseUrl,
      poolSize: config.DATABASE_POOL_SIZE,
      statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
      acquireTimeoutMs: config.DATABASE_ACQUIRE_TIMEOUT_MS,
      refusePowerful: config.production,
      entities,
    }),
  )
  const events = opened.use(openEvents({ url: neighbours.databaseUrl, log }))
  const onAlarm: ZeroDbOptions['onAlarm'] = (alarm) => {
    documentAlarm(alarm.kind)
    log.error({ alarm }, 'refused a document')
  }
  const openZeroDb = (project: { projectId?: string } = {}) =>
    opened.use(
      createZeroDb({
        ...neighbours.zerodb,
        ...project,
        pathPrefix: config.ZERODB_PATH_PREFIX,
        filterKey: config.ZERODB_FILTER_KEY,
        timeoutMs: config.ZERODB_TIMEOUT_MS,
        slowMs: config.ZERODB_SLOW_MS,
        maxInFlight: config.ZERODB_MAX_IN_FLIGHT,
        onAlarm,
      }),
    )
  const zerodb = openZeroDb()
  const restoreProjectId = config.RESTORE_ZERODB_PROJECT_ID
  const newZeroDbProject = restoreProjectId ? openZeroDb({ projectId: restoreProjectId }) : null
  const documents = createDocumentStore({
    zerodb,
    cacheBytes: config.BODY_CACHE_MB * 1024 ** 2,
    onAlarm,
  })
  const bigquery =
    neighbours.bigquery &&
    createBigQuery({
      ...neighbours.bigquery,
      dataset: config.BIGQUERY_DATASET,
      location: config.BIGQUERY_LOCATION,
    })
  const cacheBytes = (config.BODY_CACHE_MB * 1024 ** 2) / 4
  const analyticsGates = createTenantGates({ neighbour: 'BigQuery', atOnce: 4, waiting: 16 })
  const recoveryCopy = bigquery && createRecoveryCopy({ bigquery, cacheBytes, onAlarm })
  const health = createStoreHealth({
    zerodb,
    database,
    bigquery,
    isCopying: config.BIGQUERY_SYNC_ENABLED,
    standIns: neighbours.standIns ?? [],
  })
  const verifyToken = createTokenVerifier({
    ...neighbours.tokens,
    audience: config.AUTH_AUDIENCE,
    algorithms: config.AUTH_ALGORITHMS.split(','),
    tenantClaim: config.AUTH_TENANT_CLAIM,
  })
  const keyManager = opened.use(await openKeyManager(neighbours.masterKeys))
  const vault = createVault({ database, keyManager, log })
  const models = createModels({
    endpoints: neighbours.models,
    prices: await loadPrices(config.LLM_PRICES_FILE),
    timeoutMs: config.LLM_TIMEOUT_MS,
  })
  const owned = opened.move()
  return {
    config,
    log,
    databaseUrl: neighbours.databaseUrl,
    database,
    events,
    zerodb,
    newZeroDbProject,
    documents,
    bigquery,
    analyticsGates,
    recoveryCopy,
    health,
    identityProvider: neighbours.identityProvider ?? { look: async () => 'mock' },
    verifyToken,
    keyManager,
    vault,
    hashSecret: createHashSecret(neighbours.pepper),
    models,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
