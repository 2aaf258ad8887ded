import type { AnyEntity, EntityName } from '@mikro-orm/postgresql'
import type { Config } from './config.ts'
import { createDocumentStore, type DocumentStore } from './document-store.ts'
import { type KeyManager, type KeyManagerOptions, openKeyManager } from './key-manager.ts'
import { createLog, type Log } from './log.ts'
import { createModels, type ModelEndpoints, type Models } from './models.ts'
import { loadPrices } from './models/prices.ts'
import { type Events, openEvents } from './events.ts'
import { type Database, openDatabase } from './postgres/database.ts'
import { createTokenVerifier, type TokenVerifierOptions } from './tokens.ts'
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
  documents: DocumentStore
  verifyToken: ReturnType<typeof createTokenVerifier>
  keyManager: KeyManager
  vault: Vault
  models: Models
}

/** Where the neighbours are: from the configuration, or stand-ins in their place. */
export interface Neighbours {
  databaseUrl: string
  zerodb: Pick<ZeroDbOptions, 'baseUrl' | 'projectId' | 'credential'>
  tokens: Pick<TokenVerifierOptions, 'issuer' | 'keys'>
  masterKeys: KeyManagerOptions
  models: ModelEndpoints
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
      entities,
    }),
  )
  const events = opened.use(openEvents({ url: neighbours.databaseUrl, log }))
  const onAlarm: ZeroDbOptions['onAlarm'] = (alarm) => log.error({ alarm }, 'refused a document')
  const zerodb = opened.use(
    createZeroDb({
      ...neighbours.zerodb,
      pathPrefix: config.ZERODB_PATH_PREFIX,
      filterKey: config.ZERODB_FILTER_KEY,
      timeoutMs: config.ZERODB_TIMEOUT_MS,
      slowMs: config.ZERODB_SLOW_MS,
      maxInFlight: config.ZERODB_MAX_IN_FLIGHT,
      onAlarm,
    }),
  )
  const documents = createDocumentStore({
    zerodb,
    cacheBytes: config.BODY_CACHE_MB * 1024 ** 2,
    onAlarm,
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
    documents,
    verifyToken,
    keyManager,
    vault,
    models,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
