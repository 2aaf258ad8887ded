import type { AnyEntity, EntityName } from '@mikro-orm/postgresql'
import type { Config } from './config.ts'
import { createDocumentStore, type DocumentStore } from './document-store.ts'
import { createLog, type Log } from './log.ts'
import { type Database, openDatabase } from './postgres/database.ts'
import { createTokenVerifier, type TokenVerifierOptions } from './tokens.ts'
import { createZeroDb, type ZeroDb, type ZeroDbOptions } from './zerodb.ts'

/** Everything outside this process, opened once and closed together. */
export interface Services extends AsyncDisposable {
  config: Config
  log: Log
  database: Database
  zerodb: ZeroDb
  documents: DocumentStore
  verifyToken: ReturnType<typeof createTokenVerifier>
}

/** Where the neighbours are: from the configuration, or stand-ins in their place. */
export interface Neighbours {
  databaseUrl: string
  zerodb: Pick<ZeroDbOptions, 'baseUrl' | 'projectId' | 'credential'>
  tokens: Pick<TokenVerifierOptions, 'issuer' | 'keys'>
}

export async function openServices(
  config: Config,
  neighbours: Neighbours,
  entities: EntityName<AnyEntity>[],
): Promise<Services> {
  const log = createLog(config.LOG_LEVEL)
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
  const owned = opened.move()
  return {
    config,
    log,
    database,
    zerodb,
    documents,
    verifyToken,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
