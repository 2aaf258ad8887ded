import { createLocalJWKSet } from 'jose'
import { readFile } from 'node:fs/promises'
import { openBigQuery } from '../local/bigquery/open.ts'
import { type LocalIssuer, openIssuer } from '../local/issuer.ts'
import { openLlm } from '../local/llm/open.ts'
import { ensureMasterKeys } from '../local/master-keys.ts'
import { ensurePepper } from '../local/pepper.ts'
import { openPostgres } from '../local/postgres.ts'
import { openZeroDb } from '../local/zerodb/open.ts'
import type { Config } from '../platform/config.ts'
import { StartupError } from '../lib/errors.ts'
import type { Neighbours } from '../platform/services.ts'
import { type StoreKind, storeKinds } from '../platform/store-health.ts'
import { remoteKeys } from '../platform/tokens.ts'

export interface OpenNeighbours extends Neighbours, AsyncDisposable {
  /** Connects as the schema's owner, for migrations only. */
  ownerUrl: string | undefined
  /** Present where no identity provider is configured. */
  localIssuer: LocalIssuer | undefined
}

/** Where each neighbour is: as configured, or a local stand-in in its place, held until disposed. */
export async function openNeighbours(config: Config): Promise<OpenNeighbours> {
  const { DATA_DIR: dataDir } = config
  await using held = new AsyncDisposableStack()
  const [postgres, zerodb, bigquery, llm, localIssuer] = await Promise.all([
    config.DATABASE_URL === undefined
      ? openPostgres({ dataDir, setupSql: await readFile(rolesSql, 'utf8') })
      : undefined,
    config.ZERODB_API_URL === undefined ? openZeroDb({ dataDir }) : undefined,
    standsIn(config) ? openBigQuery({ dataDir }) : undefined,
    config.LLM_BASE_URL === undefined && mayStandIn(config) ? openLlm({ dataDir }) : undefined,
    config.AUTH_JWKS_URL === undefined ? openIssuer(dataDir) : undefined,
  ])
  for (const standIn of [postgres, zerodb, bigquery, llm]) if (standIn) held.use(standIn)
  const masterKeys = await masterKeysOf(config)
  const pepper = config.API_KEY_HASH_SECRET ?? (await ensurePepper(dataDir))
  const issuerKeys = localIssuer ? undefined : remoteKeys(required(config.AUTH_JWKS_URL))
  const kept = held.move()
  return {
    databaseUrl: config.DATABASE_URL ?? required(postgres).loginUrl,
    ownerUrl: postgres?.ownerUrl ?? config.DATABASE_OWNER_URL,
    zerodb: zerodb
      ? {
          baseUrl: zerodb.url,
          projectId: zerodb.projectId,
          credential: { apiKey: zerodb.apiKey },
        }
      : zerodbOf(config),
    bigquery: bigquery
      ? { projectId: bigquery.projectId, apiUrl: bigquery.url, accessToken: bigquery.token }
      : bigqueryOf(config),
    tokens: localIssuer
      ? { issuer: localIssuer.issuer, keys: createLocalJWKSet(localIssuer.keys) }
      : { issuer: required(config.AUTH_ISSUER), keys: required(issuerKeys).find },
    ...(issuerKeys && { identityProvider: issuerKeys }),
    masterKeys,
    pepper,
    standIns: namesOf({ postgres, zerodb, bigquery }),
    models: modelsOf(config, llm && { baseUrl: `${llm.url}/v1`, apiKey: llm.apiKey }),
    localIssuer,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** Stores that are stand-ins, of those that were opened here. */
function namesOf(opened: Partial<Record<StoreKind, unknown>>): StoreKind[] {
  return storeKinds.filter((store) => opened[store] !== undefined)
}

const rolesSql = new URL('../../migrations/roles.sql', import.meta.url)

function zerodbOf(config: Config): Neighbours['zerodb'] {
  const { ZERODB_API_KEY: apiKey, ZERODB_EMAIL: email, ZERODB_PASSWORD: password } = config
  return {
    baseUrl: required(config.ZERODB_API_URL),
    projectId: required(config.ZERODB_PROJECT_ID),
    credential: apiKey ? { apiKey } : { email: required(email), password: required(password) },
  }
}

/** Without a project there is a stand-in, unless nothing is to be copied. */
function standsIn(config: Config): boolean {
  const { BIGQUERY_PROJECT_ID: projectId, BIGQUERY_SYNC_ENABLED: isCopying } = config
  return projectId === undefined && isCopying && mayStandIn(config)
}

function bigqueryOf(config: Config): Neighbours['bigquery'] {
  const { BIGQUERY_PROJECT_ID: projectId, BIGQUERY_API_URL: apiUrl } = config
  const { BIGQUERY_ACCESS_TOKEN: accessToken, GOOGLE_APPLICATION_CREDENTIALS: file } = config
  if (projectId === undefined) return null
  return {
    projectId,
    ...(apiUrl && { apiUrl }),
    ...(accessToken && { accessToken }),
    ...(file && { credentialsFile: file }),
  }
}

/** What production can do without: a recovery copy, and a model, for which tenants bring keys. */
function mayStandIn({ production, ALLOW_STAND_INS }: Config): boolean {
  return !production || ALLOW_STAND_INS
}

function modelsOf(
  config: Config,
  standIn: Neighbours['models']['compatible'] | undefined,
): Neighbours['models'] {
  const at = (baseUrl: string | undefined, apiKey: string | undefined) => ({
    baseUrl: baseUrl ?? null,
    apiKey: apiKey ?? null,
  })
  return {
    openai: at(config.OPENAI_BASE_URL, config.OPENAI_API_KEY),
    anthropic: at(config.ANTHROPIC_BASE_URL, config.ANTHROPIC_API_KEY),
    google: at(config.GOOGLE_BASE_URL, config.GOOGLE_API_KEY),
    compatible: standIn ?? at(config.LLM_BASE_URL, config.LLM_API_KEY),
  }
}

async function masterKeysOf(config: Config): Promise<Neighbours['masterKeys']> {
  const { DATA_DIR: dataDir, KMS_KEY_NAME: keyName, KMS_API_URL: apiUrl } = config
  const { MASTER_KEYS_FILE: file, GOOGLE_APPLICATION_CREDENTIALS: credentialsFile } = config
  if (keyName === undefined) return { file: file ?? (await ensureMasterKeys(dataDir)) }
  const kms = { keyName, apiUrl, ...(credentialsFile && { credentialsFile }) }
  return { kms, ...(file && { file }) }
}

/** `loadConfig` has seen to it that what belongs together is given together. */
function required<T>(value: T | undefined): T {
  if (value === undefined) throw new StartupError(['The configuration is incomplete.'], 2)
  return value
}
