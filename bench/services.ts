import { createLocalJWKSet, type JSONWebKeySet } from 'jose'
import { entities } from '../src/app/entities.ts'
import { ensureMasterKeys } from '../src/local/master-keys.ts'
import { ensurePepper } from '../src/local/pepper.ts'
import { loadConfig } from '../src/platform/config.ts'
import { openServices, type Services } from '../src/platform/services.ts'

/** Where the neighbours of a world are. */
export interface Neighbourhood {
  dataDir: string
  /** Of the gateway's own login. */
  databaseUrl: string
  zerodb: { url: string; projectId: string; apiKey: string }
  tokens: { issuer: string; keys: JSONWebKeySet }
}

/** Nobody is asked to write. */
const noModel = { baseUrl: null, apiKey: null }

/** The gateway's own services for whoever is no gateway; `settings` by their environment names. */
export async function openGatewayServices(
  { dataDir, databaseUrl, zerodb, tokens }: Neighbourhood,
  settings: Readonly<Record<string, string>> = {},
): Promise<Services> {
  const { url: baseUrl, projectId, apiKey } = zerodb
  return openServices(
    loadConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'warn', ...settings }),
    {
      databaseUrl,
      zerodb: { baseUrl, projectId, credential: { apiKey } },
      bigquery: null,
      tokens: { issuer: tokens.issuer, keys: createLocalJWKSet(tokens.keys) },
      masterKeys: { file: await ensureMasterKeys(dataDir) },
      pepper: await ensurePepper(dataDir),
      models: { openai: noModel, anthropic: noModel, google: noModel, compatible: noModel },
    },
    entities,
  )
}
