import { readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { expect, test } from 'vitest'
import { environment, loadConfig } from '../../src/platform/config.ts'

const example = await readFile(new URL('../../.env.example', import.meta.url), 'utf8')

function failureOf(env: Record<string, string>): unknown {
  try {
    loadConfig(env)
    return undefined
  } catch (error) {
    return error
  }
}

/** What the operator is told, a line per mistake. */
function mistakesOf(env: Record<string, string>): string[] {
  const failure = failureOf(env)
  if (failure === undefined) return []
  const { message } = failure as Error
  const [title, ...lines] = message.split('\n')
  expect(failure).toMatchObject({ name: 'StartupError', exitCode: 2 })
  expect(title).toBe('The configuration has mistakes:')
  expect(lines.pop()).toBe('See .env.example.')
  return lines.map((line) => line.trim())
}

const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://login:yx7-Kq20-mmTe@db.example.com/gateway?sslmode=verify-full',
  ZERODB_API_URL: 'https://zerodb.example.com',
  ZERODB_API_KEY: 'sk_live_9f27c5e1',
  ZERODB_PROJECT_ID: '0197c0de-0000-7000-8000-000000000001',
  AUTH_JWKS_URL: 'https://id.example.com/jwks.json',
  AUTH_ISSUER: 'https://id.example.com/',
  KMS_KEY_NAME: 'projects/p/locations/l/keyRings/r/cryptoKeys/k',
  API_KEY_HASH_SECRET: '6f1c0b7e9d2a48355bb0c4d7e8a1f392',
}

test('.env.example names every setting once and no other', () => {
  const names = [...example.matchAll(/^(?:# )?([A-Z][A-Z_]+)=/gm)].map(([, name]) => name)
  expect(new Set(names)).toEqual(new Set(Object.keys(environment.shape)))
  expect(names).toHaveLength(new Set(names).size)
})

test('.env.example shows the defaults, so a copy of it changes nothing', () => {
  const settings = parseEnv(example) as Record<string, string>
  expect(loadConfig(settings)).toEqual(loadConfig({}))
  const withDefault = Object.entries(environment.parse({})).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  )
  expect(new Set(Object.keys(settings))).toEqual(new Set(withDefault))
})

test('all mistakes are listed at once, wrong values and missing ones', () => {
  expect(
    mistakesOf({
      NODE_ENV: 'production',
      PORT: 'seventy',
      ZERODB_FILTER_KEY: 'fitler',
      ZERODB_API_KEY: 'sk_live_secret',
      AUTH_JWKS_URL: 'https://id.example.com/jwks.json',
      AUTH_ALGORITHMS: 'HS256',
    }),
  ).toEqual([
    expect.stringMatching(/^PORT="seventy": /),
    expect.stringMatching(/^ZERODB_FILTER_KEY="fitler": /),
    'ZERODB_API_URL is missing: other ZERODB_ settings are given',
    'AUTH_ISSUER is missing: tokens of AUTH_JWKS_URL are accepted from one issuer only',
    expect.stringMatching(/^AUTH_ALGORITHMS="HS256": "HS256" is not one of /),
    expect.stringMatching(/^KMS_KEY_NAME \(or MASTER_KEYS_FILE\) is missing: in production/),
    expect.stringMatching(/^API_KEY_HASH_SECRET is missing: in production/),
    expect.stringMatching(/^DATABASE_URL is missing: in production nothing is replaced/),
    expect.stringMatching(/^ZERODB_API_URL is missing: in production nothing is replaced/),
  ])
})

test('a value that is wrong is not called missing too', () => {
  expect(mistakesOf({ ...production, DATABASE_URL: 'mysql://db' })).toEqual([
    'DATABASE_URL=…: must be a URL like postgres://user:password@host:5432/database',
  ])
})

test('no secret is echoed, nor a URL that may hold one', () => {
  const secret = 'hunter2'
  const told = mistakesOf({
    DATABASE_URL: `mysql://login:${secret}@db`,
    DATABASE_OWNER_URL: `owner:${secret}@db`,
    ZERODB_BASE_URL: `ftp://user:${secret}@zerodb`,
    ZERODB_PASSWORD: secret,
    AUTH_JWKS_URL: secret,
    API_KEY_HASH_SECRET: secret,
  })
  expect(told).toHaveLength(5)
  expect(told.join('\n')).not.toContain(secret)
})

test('production does without a language model of its own, but not with a key for nowhere', () => {
  const none = loadConfig({ ...production, NODE_ENV: 'development' })
  expect(none).toMatchObject({ LLM_TIMEOUT_MS: 60_000 })
  expect(none.LLM_BASE_URL).toBeUndefined()
  expect(mistakesOf({ LLM_API_KEY: 'sk-platform', OPENAI_API_KEY: 'sk-openai' })).toEqual([
    expect.stringMatching(/^LLM_BASE_URL is missing: LLM_API_KEY is given/),
  ])
  const secret = 'sk-platform'
  const told = mistakesOf({ LLM_BASE_URL: `ftp://${secret}@llm`, ANTHROPIC_BASE_URL: secret })
  expect(told).toHaveLength(2)
  expect(told.join('\n')).not.toContain(secret)
})

test('production refuses stand-ins unless told to permit them', () => {
  expect(mistakesOf(production)).toEqual([])
  for (const name of ['DATABASE_URL', 'ZERODB_API_URL', 'AUTH_JWKS_URL', 'API_KEY_HASH_SECRET']) {
    const { [name]: _left, ...rest } = production as Record<string, string>
    expect(mistakesOf(rest)).toContainEqual(expect.stringMatching(`^${name} is missing`))
  }
  expect(mistakesOf({ NODE_ENV: 'production' })).toHaveLength(5)
  expect(mistakesOf({ NODE_ENV: 'production', ALLOW_STAND_INS: '1' })).toEqual([])
})

const owner = 'postgres://owner:Zu4-p81w-vvQa@db.example.com/gateway?sslmode=verify-full'

/** What must not be in production, and how the line about it begins. */
const unsafe: readonly (readonly [settings: Record<string, string>, line: RegExp])[] = [
  [{ INTROSPECTION: 'true' }, /^INTROSPECTION=true: /],
  [{ GRAPHIQL: 'true' }, /^GRAPHIQL=true: /],
  ...['', '?sslmode=disable', '?sslmode=prefer', '?sslmode=no-verify', '?ssl=true'].map(
    (tls) =>
      [
        { DATABASE_URL: production.DATABASE_URL.replace('?sslmode=verify-full', tls) },
        /^DATABASE_URL=…: ends in \?sslmode=/,
      ] as const,
  ),
  [
    {
      DATABASE_URL: `${production.DATABASE_URL.replace('verify-full', 'require')}&uselibpqcompat=true`,
    },
    /^DATABASE_URL=…: ends in/,
  ],
  [{ DATABASE_OWNER_URL: owner.split('?')[0] ?? '' }, /^DATABASE_OWNER_URL=…: ends in/],
  [{ DATABASE_OWNER_URL: production.DATABASE_URL }, /^DATABASE_URL=…: is the owner of/],
  [{ ZERODB_API_URL: 'http://zerodb.example.com' }, /^ZERODB_API_URL=…: must be https/],
  [{ AUTH_JWKS_URL: 'http://id.example.com/jwks.json' }, /^AUTH_JWKS_URL=…: must be https/],
  [{ KMS_API_URL: 'http://kms.internal' }, /^KMS_API_URL=…: must be https/],
  [{ OPENAI_BASE_URL: 'http://10.0.0.5/v1' }, /^OPENAI_BASE_URL=…: must be https/],
  ...['password', 'changeme', 'gateway', 'Pa-ss-word-2026', 'login', 'aaaaaaaaaaaaaaaa'].map(
    (word) =>
      [
        { DATABASE_URL: production.DATABASE_URL.replace('yx7-Kq20-mmTe', word) },
        /^DATABASE_URL=…: its password is/,
      ] as const,
  ),
  ...['secret', 'your-api-key-here', 'change-me-please', 'short'].map(
    (word) => [{ ZERODB_API_KEY: word }, /^ZERODB_API_KEY=…: is too short, or known/] as const,
  ),
  [{ API_KEY_HASH_SECRET: 'x'.repeat(31) }, /^API_KEY_HASH_SECRET=…: must have at least 32/],
  [{ API_KEY_HASH_SECRET: 'abcd'.repeat(8) }, /^API_KEY_HASH_SECRET=…: is too short, or known/],
  [{ OPENAI_API_KEY: 'my-secret-token' }, /^OPENAI_API_KEY=…: is too short, or known/],
  [{ ALLOW_STAND_INS: 'true', HOST: '0.0.0.0' }, /^HOST="0.0.0.0": stand-ins/],
  [{ ALLOWED_ORIGINS: '*' }, /^ALLOWED_ORIGINS="\*": must be origins/],
  [{ ALLOWED_ORIGINS: 'https://a.example,http://b.example' }, /^ALLOWED_ORIGINS=.*must be https/],
  [{ AUTH_ALGORITHMS: 'RS256,HS256' }, /^AUTH_ALGORITHMS=.*"HS256" is not one of/],
  [{ AUTH_ALGORITHMS: 'none' }, /^AUTH_ALGORITHMS=.*"none" is not one of/],
  [{ REQUEST_TIMEOUT_MS: '600000' }, /^REQUEST_TIMEOUT_MS="600000": /],
  [{ LOG_LEVEL: 'silent' }, /^LOG_LEVEL="silent": /],
  [{ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, /^NODE_TLS_REJECT_UNAUTHORIZED=0: /],
]

test('production refuses each setting that is unsafe, and all of them at once', () => {
  for (const [settings, line] of unsafe) {
    const told = mistakesOf({ ...production, ...settings })
    expect({ settings, told }).toEqual({ settings, told: [expect.stringMatching(line)] })
    expect(told.join()).not.toMatch(/yx7-Kq20|Zu4-p81w/)
  }
  const together = Object.assign({}, ...unsafe.map(([settings]) => settings)) as typeof production
  // The two addresses of the database make one line.
  expect(mistakesOf({ ...production, ...together })).toHaveLength(Object.keys(together).length - 1)
})

test('what is safe in production is not refused, and elsewhere nothing of it is', () => {
  const safe = [
    { DATABASE_URL: production.DATABASE_URL.replace('verify-full', 'require') },
    { DATABASE_URL: 'postgres://login:yx7-Kq20-mmTe@%2Fvar%2Frun%2Fpostgresql/gateway' },
    { DATABASE_URL: 'postgres://login@localhost/gateway?host=/var/run/postgresql' },
    { DATABASE_OWNER_URL: owner },
    { LLM_BASE_URL: 'http://127.0.0.1:8080/v1' },
    { INTROSPECTION: 'false', GRAPHIQL: 'false' },
    { ALLOWED_ORIGINS: 'https://studio.example.com' },
  ]
  for (const settings of safe) expect(mistakesOf({ ...production, ...settings })).toEqual([])
  const odd = new Set([
    'ALLOWED_ORIGINS',
    'AUTH_ALGORITHMS',
    'REQUEST_TIMEOUT_MS',
    'API_KEY_HASH_SECRET',
  ])
  for (const [settings] of unsafe) {
    if (Object.keys(settings).some((name) => odd.has(name))) continue
    expect(mistakesOf({ ...production, NODE_ENV: 'development', ...settings })).toEqual([])
  }
})

test('names found in the wild are understood, ours before them; an empty value is none', () => {
  const aliased = loadConfig({ DATABASE_PUBLIC_URL: production.DATABASE_URL, HOST: '' })
  expect(aliased.DATABASE_URL).toBe(production.DATABASE_URL)
  expect(aliased.HOST).toBe('127.0.0.1')
  const both = { DATABASE_PUBLIC_URL: 'postgres://other/db', DATABASE_URL: production.DATABASE_URL }
  expect(loadConfig(both).DATABASE_URL).toBe(production.DATABASE_URL)
})
