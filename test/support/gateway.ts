import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { type ExecutionResult, print } from 'graphql'
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { inject } from 'vitest'
import { entities } from '../../src/app/entities.ts'
import { warehouseTables } from '../../src/app/warehouse-tables.ts'
import { createHttpServer } from '../../src/app/http-server.ts'
import { tasks } from '../../src/app/tasks.ts'
import { setUpTables } from '../../src/features/content/set-up-tables.ts'
import { sweepWrites } from '../../src/features/writing/sweep-writes.ts'
import {
  type CreatedTenant,
  createTenant,
  type NewTenant,
} from '../../src/features/tenancy/create-tenant.ts'
import { newId } from '../../src/lib/id.ts'
import type { Role } from '../../src/lib/viewer.ts'
import { type BigQueryServer, startBigQueryServer } from '../../src/local/bigquery/server.ts'
import { type LlmServer, startLlmServer } from '../../src/local/llm/server.ts'
import { startZeroDbServer, type ZeroDbServer } from '../../src/local/zerodb/server.ts'
import { loadConfig } from '../../src/platform/config.ts'
import type { Plan } from '../../src/platform/plan.ts'
import { type Neighbours, openServices, type Services } from '../../src/platform/services.ts'
import { startTasks } from '../../src/platform/tasks.ts'
import { canary, expectNoCanaries } from './canaries.ts'
import { type TestDatabase, testDatabase } from './database.ts'
import { createWatchedLog, type Failure } from './watched-log.ts'

/** A tenant of the test, and a token for each of its people. */
export interface TestTenant extends CreatedTenant {
  tokens: Record<Role, string>
}

export interface Answer<Data> extends ExecutionResult<Data> {
  status: number
  /** The answer as it came, for tests that look at bytes. */
  text: string
}

/** The whole service in this process: real HTTP in front, real PostgreSQL and ZeroDB behind. */
export interface TestGateway extends AsyncDisposable {
  url: string
  services: Services
  /** What its log has of errors so far. */
  failures: readonly Failure[]
  database: TestDatabase
  zerodb: ZeroDbServer
  /** Every provider's address; the platform has a key for `compatible` only. */
  llm: LlmServer
  /** Where the stores are, for programs that are to use them too. */
  neighbours: Neighbours
  newTenant(options?: Partial<NewTenant>): Promise<TestTenant>
  /** With `scope`, a token for less than its bearer may do. */
  signToken(claims: {
    subject: string
    tenantId: string
    expiresIn?: string
    scope?: string
  }): Promise<string>
  /** As the tenant's owner, or with any token; of a subscription the first event, see `firstEventOf`. */
  query<Data, Variables>(
    who: TestTenant | string,
    document: TypedDocumentNode<Data, Variables> | string,
    variables?: Variables,
    headers?: Record<string, string>,
  ): Promise<Answer<Data>>
  /** The same, answering what the operation cost. */
  explain<Data, Variables>(
    who: TestTenant | string,
    document: TypedDocumentNode<Data, Variables> | string,
    variables?: Variables,
  ): Promise<Plan>
  sweep(): Promise<void>
  /** All background work, in this process, until disposed. */
  startWorker(): Promise<AsyncDisposable>
  /**
   * Another instance over the same stores, as on a second machine: nothing in its memory yet. With
   * `neighbours`, some of the stores are reached elsewhere, e.g. through a proxy.
   */
  startTwin(env?: Record<string, string>, neighbours?: Partial<Neighbours>): Promise<TestGateway>
}

/** All that a mere client of the API can do. */
export type Api = Pick<TestGateway, 'query'>

interface Stores {
  database: TestDatabase
  zerodb: ZeroDbServer
  bigquery: BigQueryServer | null
  llm: LlmServer
  neighbours: Neighbours
  signToken: TestGateway['signToken']
}

/** The same with a BigQuery, where its tables are. */
export interface CopiedGateway extends TestGateway {
  bigquery: BigQueryServer
}

/** `env` overrides settings by their environment names. Without `bigquery` there is no recovery copy. */
export function startGateway(
  env: Record<string, string> | undefined,
  wanted: { bigquery: true },
): Promise<CopiedGateway>
export function startGateway(env?: Record<string, string>): Promise<TestGateway>
export async function startGateway(
  env: Record<string, string> = {},
  wanted?: { bigquery: true },
): Promise<TestGateway | CopiedGateway> {
  await using opened = new AsyncDisposableStack()
  const bigquery = wanted ? opened.use(await startBigQuery()) : null
  const stores = await openStores(opened, bigquery)
  const gateway = opened.use(await startInstance(stores, env))
  if (gateway.services.bigquery) {
    for await (const _step of gateway.services.bigquery.setUp(warehouseTables));
  }
  const owned = opened.move()
  return { ...gateway, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function startBigQuery() {
  const account = { projectId: 'test-project', token: canary('bigquery') }
  const server = await startBigQueryServer({ file: ':memory:', ...account })
  return { server, ...account, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

const issuer = 'test-issuer'
const algorithm = 'EdDSA'

async function openStores(
  opened: AsyncDisposableStack,
  bigquery: Awaited<ReturnType<typeof startBigQuery>> | null,
): Promise<Stores> {
  const database = opened.use(await testDatabase())
  const projectId = newId()
  const apiKey = canary('zerodb')
  const zerodb = opened.use(await startZeroDbServer({ file: ':memory:', projectId, apiKey }))
  const llm = opened.use(await startLlmServer())
  const baseUrl = `${llm.url}/v1`
  const { publicKey, privateKey } = await generateKeyPair(algorithm)
  const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), alg: algorithm }] })
  return {
    database,
    zerodb,
    bigquery: bigquery && bigquery.server,
    llm,
    neighbours: {
      databaseUrl: database.loginUrl,
      zerodb: { baseUrl: zerodb.url, projectId, credential: { apiKey } },
      bigquery: bigquery && {
        projectId: bigquery.projectId,
        apiUrl: bigquery.server.url,
        accessToken: bigquery.token,
      },
      tokens: { issuer, keys },
      masterKeys: { file: inject('masterKeysFile') },
      pepper: canary('pepper'),
      models: {
        openai: { baseUrl, apiKey: null },
        anthropic: { baseUrl, apiKey: null },
        google: { baseUrl, apiKey: null },
        compatible: { baseUrl, apiKey: canary('platform-llm') },
      },
    },
    signToken({ subject, tenantId, expiresIn = '1h', ...claims }) {
      return (
        new SignJWT({ tenant_id: tenantId, ...claims })
          .setProtectedHeader({ alg: algorithm })
          .setIssuer(issuer)
          .setAudience('content-gateway')
          .setSubject(subject)
          // A token that gets out is recognised by it.
          .setJti(canary('token'))
          .setIssuedAt()
          .setExpirationTime(expiresIn)
          .sign(privateKey)
      )
    },
  }
}

async function startInstance(stores: Stores, env: Record<string, string>): Promise<TestGateway> {
  await using opened = new AsyncDisposableStack()
  // What is left of a limit differs from answer to answer, and tests compare them to the byte.
  const unlimited = { RATE_LIMIT_POINTS: '0' }
  const config = loadConfig({ NODE_ENV: 'test', LOG_LEVEL: 'error', ...unlimited, ...env })
  const { log, failures } = opened.use(createWatchedLog(config.LOG_LEVEL))
  const services = opened.use(await openServices(config, stores.neighbours, entities, log))
  await setUpTables(services.zerodb, AbortSignal.timeout(5_000))
  const url = await listen(services, opened)
  stores.zerodb.calls.length = 0
  const query = createQuery(url)
  const owned = opened.move()
  return {
    ...stores,
    url,
    services,
    failures,
    query,
    newTenant: (options) => createTestTenant(services, stores.signToken, options),
    async explain(who, document, variables) {
      const { errors, extensions } = await query(who, document, variables, { 'x-explain': '1' })
      if (errors) throw new Error(JSON.stringify(errors))
      return extensions?.['plan'] as Plan
    },
    sweep: () => sweepWrites({ ...services, signal: AbortSignal.timeout(10_000) }),
    startWorker: () => startTasks(tasks, services),
    startTwin: (twinEnv = {}, neighbours = {}) =>
      startInstance(
        { ...stores, neighbours: { ...stores.neighbours, ...neighbours } },
        { ...env, ...twinEnv },
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function listen(services: Services, opened: AsyncDisposableStack): Promise<string> {
  const stop = new AbortController()
  const options = { services, stop: stop.signal, endingMs: 0 }
  const server = createHttpServer(options).listen(0, '127.0.0.1')
  await once(server, 'listening')
  opened.defer(async () => {
    stop.abort()
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
    await server.settle()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`
}

/** Subscriptions that tell of changes alone: they say nothing until there is one. */
const silent = /^subscription[^{]*\{ ?(contentChanged|generationJobs)\b/

/** What a subscription says first: an error, or how things are; `{}` for one that is silent. */
async function firstEventOf(response: Response, query: string): Promise<string> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response.text()
  let text = ''
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk
    // The comment says that it has begun.
    if (text.startsWith(':') && silent.test(query)) return '{}'
    const event = /^event: next\ndata: (.*)\n\n/m.exec(text)?.[1]
    if (event !== undefined) return event
  }
  throw new Error(`The stream ended: ${text}`)
}

/** Asks the API at `url`, wherever it runs. */
export function createQuery(url: string): TestGateway['query'] {
  return async (who, document, variables, headers) => {
    const token = typeof who === 'string' ? who : who.tokens.owner
    const query = typeof document === 'string' ? document : print(document)
    const isSubscription = query.startsWith('subscription')
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...(isSubscription && { accept: 'text/event-stream' }),
        ...headers,
      },
      body: JSON.stringify({ query, variables }),
    })
    const text = isSubscription ? await firstEventOf(response, query) : await response.text()
    expectNoCanaries(text, `the answer to ${query.slice(0, 100)}`)
    return { ...(JSON.parse(text) as ExecutionResult<never>), status: response.status, text }
  }
}

async function createTestTenant(
  services: Services,
  signToken: TestGateway['signToken'],
  options?: Partial<NewTenant>,
): Promise<TestTenant> {
  const tenant = await createTenant(services.database, { ...newTenant(), ...options })
  const tokens: Partial<Record<Role, string>> = {}
  for (const { role, subject } of tenant.users) {
    tokens[role] = await signToken({ subject, tenantId: tenant.id })
  }
  return { ...tenant, tokens: tokens as Record<Role, string> }
}

function newTenant(): NewTenant {
  return {
    id: newId(),
    name: 'Test tenant',
    planTier: 'professional',
    users: (['owner', 'editor', 'viewer'] as const).map((role) => ({
      subject: `${role}@test`,
      displayName: `The ${role}`,
      role,
    })),
    brands: [{ name: 'Test brand', campaignSpaces: ['Test campaign'] }],
  }
}
