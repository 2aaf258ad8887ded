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
  DATABASE_URL: 'postgres://login:pw@db.example.com/gateway',
  ZERODB_API_URL: 'https://zerodb.example.com',
  ZERODB_API_KEY: 'sk_live_secret',
  ZERODB_PROJECT_ID: '0197c0de-0000-7000-8000-000000000001',
  AUTH_JWKS_URL: 'https://id.example.com/jwks.json',
  AUTH_ISSUER: 'https://id.example.com/',
  KMS_KEY_NAME: 'projects/p/locations/l/keyRings/r/cryptoKeys/k',
  API_KEY_HASH_SECRET: 'x'.repeat(32),
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

test('names found in the wild are understood, ours before them; an empty value is none', () => {
  const aliased = loadConfig({ DATABASE_PUBLIC_URL: production.DATABASE_URL, HOST: '' })
  expect(aliased.DATABASE_URL).toBe(production.DATABASE_URL)
  expect(aliased.HOST).toBe('127.0.0.1')
  const both = { DATABASE_PUBLIC_URL: 'postgres://other/db', DATABASE_URL: production.DATABASE_URL }
  expect(loadConfig(both).DATABASE_URL).toBe(production.DATABASE_URL)
})
