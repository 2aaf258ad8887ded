import { z } from 'zod'
import { StartupError } from '../lib/errors.ts'
import { unsafeSettings } from './config/unsafe-settings.ts'
import { kmsKeyName } from './key-manager/google-kms.ts'

const count = (fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback)
const secret = z.string().min(1)
const flag = z.stringbool().default(false)
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' })
const postgresUrl = z.url({
  protocol: /^postgres(ql)?$/,
  error: 'must be a URL like postgres://user:password@host:5432/database',
})

/** As browsers send them: scheme, host and port, and no slash at the end. */
const areOrigins = (list: string) =>
  list.split(',').every((origin) => URL.canParse(origin) && new URL(origin).origin === origin)

const address = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])
const areAddresses = (list: string) =>
  list.split(',').every((text) => text === '' || address.safeParse(text).success)

/** Every variable the gateway reads; `.env.example` explains each and is compared with this list. */
export const environment = z.object({
  NODE_ENV: z.enum(['development', 'production', 'test']).default('development'),
  HOST: z.string().default('127.0.0.1'),
  PORT: count(4000, 0, 65_535),
  STOP_DRAIN_MS: count(4_000, 0, 60_000),
  DATA_DIR: z.string().default('.data'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  ALLOW_STAND_INS: flag,
  ALLOWED_ORIGINS: z
    .string()
    .refine(areOrigins, 'must be origins like https://studio.example.com, separated by commas')
    .default(''),
  INTROSPECTION: z.stringbool().optional(),
  GRAPHIQL: z.stringbool().optional(),
  TRUSTED_PROXIES: z
    .string()
    .refine(areAddresses, 'must be addresses and ranges like 10.0.0.0/8, separated by commas')
    .default(''),
  REQUEST_TIMEOUT_MS: count(10_000, 100, 15_000),
  TRUSTED_DOCUMENTS_ONLY: flag,
  BODY_CACHE_MB: count(64, 0, 65_536),
  RATE_LIMIT_POINTS: count(120_000, 0, 2_000_000_000),
  RATE_LIMIT_RESTORE_PER_SECOND: count(12_000, 1, 2_000_000_000),

  METRICS_HOST: z.string().default('127.0.0.1'),
  METRICS_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),

  DATABASE_URL: postgresUrl.optional(),
  DATABASE_OWNER_URL: postgresUrl.optional(),
  DATABASE_POOL_SIZE: count(10, 1, 200),
  DATABASE_STATEMENT_TIMEOUT_MS: count(10_000, 100, 600_000),
  DATABASE_ACQUIRE_TIMEOUT_MS: count(1_000, 50, 60_000),

  ZERODB_API_URL: httpUrl.optional(),
  ZERODB_API_KEY: z.string().min(1).optional(),
  ZERODB_EMAIL: z.string().min(1).optional(),
  ZERODB_PASSWORD: z.string().min(1).optional(),
  ZERODB_PROJECT_ID: z.guid().optional(),
  ZERODB_PATH_PREFIX: z
    .string()
    .regex(/^\/.*\{projectId\}/, 'must start with / and contain {projectId}')
    .default('/api/v1/projects/{projectId}'),
  ZERODB_FILTER_KEY: z.enum(['filter', 'filters']).default('filter'),
  ZERODB_TIMEOUT_MS: count(5_000, 100, 60_000),
  ZERODB_SLOW_MS: count(1_500, 50, 60_000),
  ZERODB_MAX_IN_FLIGHT: count(8, 1, 256),
  RESTORE_ZERODB_PROJECT_ID: z.guid().optional(),

  BIGQUERY_PROJECT_ID: z.string().min(1).optional(),
  BIGQUERY_DATASET: z
    .string()
    .regex(/^[A-Za-z_]\w{0,1023}$/, 'must be letters, digits and _')
    .default('engarde_analytics'),
  BIGQUERY_LOCATION: z.string().min(1).default('US'),
  BIGQUERY_API_URL: httpUrl.optional(),
  BIGQUERY_ACCESS_TOKEN: secret.optional(),
  BIGQUERY_SYNC_ENABLED: z.stringbool().default(true),
  BIGQUERY_SYNC_INTERVAL_MINUTES: count(15, 1, 1_440),
  BIGQUERY_SYNC_BATCH_SIZE: count(100, 1, 1_000),

  AUTH_ISSUER: z.string().min(1).optional(),
  AUTH_AUDIENCE: z.string().min(1).default('content-gateway'),
  AUTH_JWKS_URL: httpUrl.optional(),
  AUTH_ALGORITHMS: z.string().default('RS256,ES256,EdDSA'),
  AUTH_TENANT_CLAIM: z.string().min(1).default('tenant_id'),

  LLM_BASE_URL: httpUrl.optional(),
  LLM_API_KEY: secret.optional(),
  OPENAI_BASE_URL: httpUrl.optional(),
  OPENAI_API_KEY: secret.optional(),
  ANTHROPIC_BASE_URL: httpUrl.optional(),
  ANTHROPIC_API_KEY: secret.optional(),
  GOOGLE_BASE_URL: httpUrl.optional(),
  GOOGLE_API_KEY: secret.optional(),
  LLM_TIMEOUT_MS: count(60_000, 100, 600_000),
  LLM_PRICES_FILE: z.string().min(1).optional(),

  KMS_KEY_NAME: z
    .string()
    .regex(kmsKeyName, 'must be projects/…/locations/…/keyRings/…/cryptoKeys/…')
    .optional(),
  KMS_API_URL: httpUrl.default('https://cloudkms.googleapis.com'),
  GOOGLE_APPLICATION_CREDENTIALS: z.string().min(1).optional(),
  MASTER_KEYS_FILE: z.string().min(1).optional(),
  API_KEY_HASH_SECRET: z
    .string()
    .refine((text) => Buffer.byteLength(text) >= 32, 'must have at least 32 bytes')
    .optional(),
})

/** Names found in the wild for the same thing; the first that is set wins, ours before all. */
const aliases: Record<string, readonly string[]> = {
  ZERODB_API_URL: ['ZERODB_BASE_URL', 'ZERODB_API_BASE_URL', 'API_Base_URL'],
  DATABASE_URL: ['DATABASE_PUBLIC_URL'],
  GOOGLE_API_KEY: ['GEMINI_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY'],
}

/** Asymmetric signatures only: a shared secret would let every verifier issue tokens (RFC 8725 §3.1). */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA']

export type Config = ReturnType<typeof loadConfig>

/** Reads the environment; throws one StartupError (exit 2) that lists every mistake. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>) {
  const given = withAliases(env)
  const issues = environment.safeParse(given).error?.issues ?? []
  const broken = new Set(issues.map(({ path }) => String(path[0])))
  const sound = Object.entries(given).filter(([name]) => !broken.has(name))
  const values = environment.parse(Object.fromEntries(sound))
  const production = values.NODE_ENV === 'production'
  const mistakes = [
    ...issues.map(({ path, message }) => describe(String(path[0]), given, message)),
    // What is given wrongly is not missing.
    ...[...missing(values)].filter((line) => !broken.has(line.split(' ', 1)[0] ?? '')),
    ...(production ? unsafeSettings(values, env) : []),
  ]
  if (mistakes.length > 0) throw invalid(mistakes)
  return { ...values, production }
}

function describe(name: string, given: Record<string, string | undefined>, message: string) {
  return `${name}=${isSecret(name) ? '…' : JSON.stringify(given[name])}: ${message}`
}

type Values = z.infer<typeof environment>

function* missing(values: Values): Iterable<string> {
  const zerodb = values.ZERODB_API_KEY ?? values.ZERODB_EMAIL ?? values.ZERODB_PROJECT_ID
  if (zerodb !== undefined) {
    if (!values.ZERODB_API_URL) yield 'ZERODB_API_URL is missing: other ZERODB_ settings are given'
  }
  if (values.ZERODB_API_URL) {
    if (!values.ZERODB_PROJECT_ID) yield 'ZERODB_PROJECT_ID is missing: ZERODB_API_URL is given'
    if (!values.ZERODB_API_KEY && !(values.ZERODB_EMAIL && values.ZERODB_PASSWORD)) {
      yield 'ZERODB_API_KEY (or ZERODB_EMAIL and ZERODB_PASSWORD) is missing: ZERODB_API_URL is given'
    }
  }
  if (
    values.RESTORE_ZERODB_PROJECT_ID &&
    values.RESTORE_ZERODB_PROJECT_ID === values.ZERODB_PROJECT_ID
  ) {
    yield 'RESTORE_ZERODB_PROJECT_ID is the same as ZERODB_PROJECT_ID: it must be another project, to be filled'
  }
  if ((values.BIGQUERY_API_URL ?? values.BIGQUERY_ACCESS_TOKEN) && !values.BIGQUERY_PROJECT_ID) {
    yield 'BIGQUERY_PROJECT_ID is missing: other BIGQUERY_ settings are given'
  }
  if (values.LLM_API_KEY && !values.LLM_BASE_URL) {
    yield 'LLM_BASE_URL is missing: LLM_API_KEY is given (a key for OpenAI itself is OPENAI_API_KEY)'
  }
  if (values.AUTH_JWKS_URL && !values.AUTH_ISSUER) {
    yield 'AUTH_ISSUER is missing: tokens of AUTH_JWKS_URL are accepted from one issuer only'
  }
  for (const name of values.AUTH_ALGORITHMS.split(',')) {
    if (!algorithms.includes(name)) {
      yield `AUTH_ALGORITHMS="${values.AUTH_ALGORITHMS}": "${name}" is not one of ${algorithms.join(', ')}`
    }
  }
  if (values.NODE_ENV !== 'production' || values.ALLOW_STAND_INS) return
  if (!values.KMS_KEY_NAME && !values.MASTER_KEYS_FILE) {
    yield 'KMS_KEY_NAME (or MASTER_KEYS_FILE) is missing: in production no master key is made up (ALLOW_STAND_INS=1 permits it)'
  }
  if (!values.API_KEY_HASH_SECRET) {
    yield 'API_KEY_HASH_SECRET is missing: in production none is made up (ALLOW_STAND_INS=1 permits it)'
  }
  for (const name of ['DATABASE_URL', 'ZERODB_API_URL', 'AUTH_JWKS_URL'] as const) {
    if (!values[name]) {
      yield `${name} is missing: in production nothing is replaced by a local stand-in (ALLOW_STAND_INS=1 permits it)`
    }
  }
}

function withAliases(env: Readonly<Record<string, string | undefined>>) {
  const merged: Record<string, string | undefined> = {}
  for (const name of Object.keys(environment.shape)) {
    const names = [name, ...(aliases[name] ?? [])]
    merged[name] = names.map((candidate) => env[candidate]).find((value) => value)
  }
  return merged
}

/** URLs too: they may carry a user and a password. */
function isSecret(name: string): boolean {
  return /KEY$|PASSWORD|SECRET$|TOKEN$|URL$/.test(name) && name !== 'ZERODB_FILTER_KEY'
}

function invalid(mistakes: readonly string[]): StartupError {
  return new StartupError(
    [
      'The configuration has mistakes:',
      ...mistakes.map((line) => `  ${line}`),
      'See .env.example.',
    ],
    2,
  )
}
