import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { type ExecutionResult, print } from 'graphql'
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { entities } from '../../src/app/entities.ts'
import { createHttpServer } from '../../src/app/http-server.ts'
import { setUpTables } from '../../src/features/content/set-up-tables.ts'
import { sweepWrites } from '../../src/features/content/sweep-writes.ts'
import {
  type CreatedTenant,
  createTenant,
  type NewTenant,
} from '../../src/features/tenancy/create-tenant.ts'
import { newId } from '../../src/lib/id.ts'
import type { Role } from '../../src/lib/viewer.ts'
import { startZeroDbServer, type ZeroDbServer } from '../../src/local/zerodb/server.ts'
import { loadConfig } from '../../src/platform/config.ts'
import type { Plan } from '../../src/platform/plan.ts'
import { openServices, type Services } from '../../src/platform/services.ts'
import { type TestDatabase, testDatabase } from './database.ts'

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
  database: TestDatabase
  zerodb: ZeroDbServer
  newTenant(options?: Partial<NewTenant>): Promise<TestTenant>
  signToken(claims: { subject: string; tenantId: string; expiresIn?: string }): Promise<string>
  /** As the tenant's owner, or with any token. */
  query<Data, Variables>(
    who: TestTenant | string,
    document: TypedDocumentNode<Data, Variables> | string,
    variables?: Variables,
    headers?: Record<string, string>,
  ): Promise<Answer<Data>>
  /** The same, answering what the operation cost. */
  explain(
    who: TestTenant | string,
    document: TypedDocumentNode<unknown, never> | string,
    variables?: object,
  ): Promise<Plan>
  sweep(): Promise<void>
}

const issuer = 'test-issuer'
const algorithm = 'EdDSA'

/** `env` overrides settings by their environment names. */
export async function startGateway(env: Record<string, string> = {}): Promise<TestGateway> {
  await using opened = new AsyncDisposableStack()
  const config = loadConfig({ NODE_ENV: 'test', LOG_LEVEL: 'error', ...env })
  const database = opened.use(await testDatabase())
  const credentials = { projectId: newId(), apiKey: 'sk_test' }
  const zerodb = opened.use(await startZeroDbServer({ file: ':memory:', ...credentials }))
  const pair = await generateKeyPair(algorithm)
  const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(pair.publicKey)), alg: algorithm }] })
  const neighbours = {
    databaseUrl: database.loginUrl,
    zerodb: {
      baseUrl: zerodb.url,
      projectId: credentials.projectId,
      credential: { apiKey: credentials.apiKey },
    },
    tokens: { issuer, keys },
  }
  const services = opened.use(await openServices(config, neighbours, entities))
  await setUpTables(services.zerodb, AbortSignal.timeout(5_000))
  zerodb.calls.length = 0

  const server = createHttpServer({ services }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  opened.defer(async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`

  const signToken: TestGateway['signToken'] = ({ subject, tenantId, expiresIn = '1h' }) =>
    new SignJWT({ tenant_id: tenantId })
      .setProtectedHeader({ alg: algorithm })
      .setIssuer(issuer)
      .setAudience(config.AUTH_AUDIENCE)
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime(expiresIn)
      .sign(pair.privateKey)

  const query: TestGateway['query'] = async (who, document, variables, headers) => {
    const token = typeof who === 'string' ? who : who.tokens.owner
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify({
        query: typeof document === 'string' ? document : print(document),
        variables,
      }),
    })
    const text = await response.text()
    return { ...(JSON.parse(text) as ExecutionResult<never>), status: response.status, text }
  }

  const owned = opened.move()
  return {
    url,
    services,
    database,
    zerodb,
    signToken,
    query,
    async explain(who, document, variables) {
      const { errors, extensions } = await query(who, document, variables as never, {
        'x-explain': '1',
      })
      if (errors) throw new Error(JSON.stringify(errors))
      return extensions?.['plan'] as Plan
    },
    async newTenant(options) {
      const tenant = await createTenant(services.database, { ...newTenant(), ...options })
      const tokens: Partial<Record<Role, string>> = {}
      for (const { role, subject } of tenant.users) {
        tokens[role] = await signToken({ subject, tenantId: tenant.id })
      }
      return { ...tenant, tokens: tokens as Record<Role, string> }
    },
    sweep: () => sweepWrites({ ...services, signal: AbortSignal.timeout(10_000) }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
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
