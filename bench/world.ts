import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { setUpTables } from '../src/features/content/set-up-tables.ts'
import { createTenant } from '../src/features/tenancy/create-tenant.ts'
import { encodeGlobalId } from '../src/graphql/global-id.ts'
import { openIssuer } from '../src/local/issuer.ts'
import { startLlmServer } from '../src/local/llm/server.ts'
import { openPostgres } from '../src/local/postgres.ts'
import { openZeroDb } from '../src/local/zerodb/open.ts'
import { migrate } from '../src/platform/postgres/migrate.ts'
import { type Neighbourhood, openGatewayServices } from './services.ts'

/** PostgreSQL, ZeroDB and one tenant: what all contenders of a run share. */
export interface World extends AsyncDisposable, Neighbourhood {
  tenantId: string
  /** A token of the tenant's owner. */
  token: string
  /** Of the tenant's brands, as the API has them. */
  brandIds: readonly string[]
  /** May read contents past row-level security. */
  readerUrl: string
  /** For what the gateway has no part in, in its database. */
  administrator: pg.Client
  /** As the superuser, who may also write past row-level security. */
  adminUrl: string
  /** Brings the statistics up to date, so that autovacuum stays quiet while we measure. */
  settle(): Promise<void>
  /** These calls of ZeroDB take so much longer from now on, and only these. */
  slowDownZeroDb(operation: 'query' | '*', ms: number): Promise<void>
  /** OpenAI's protocol, spoken by this process. */
  modelUrl: string
  /** Every text takes so long from now on. */
  slowDownModel(ms: number): void
}

const tenantId = '0197c0de-0000-7000-8000-0000000000be'
const owner = { subject: 'owner@bench', displayName: 'Olive Owner', role: 'owner' as const }
const brands = ['Harbour Roast', 'Pier Six', 'Lighthouse Decaf', 'Tidewater', 'Gull & Anchor']
const rolesSql = new URL('../migrations/roles.sql', import.meta.url)

/** Starts it all in an empty directory; the tenant has no contents yet. */
export async function openWorld(dataDir: string): Promise<World> {
  await using opened = new AsyncDisposableStack()
  const setupSql = await readFile(rolesSql, 'utf8')
  const postgres = opened.use(await openPostgres({ dataDir, setupSql }))
  const zerodb = opened.use(await openZeroDb({ dataDir }))
  const llm = opened.use(await startLlmServer())
  const issuer = await openIssuer(dataDir)
  const { issuer: name, keys } = issuer
  const databaseUrl = postgres.loginUrl
  const neighbourhood = { dataDir, databaseUrl, zerodb, tokens: { issuer: name, keys } }
  await migrate(postgres.ownerUrl)
  const brandIds: string[] = []
  let audience: string
  {
    await using services = await openGatewayServices(neighbourhood)
    await setUpTables(services.zerodb, AbortSignal.timeout(10_000))
    const tenant = await createTenant(services.database, {
      id: tenantId,
      name: 'Harbour Coffee',
      planTier: 'enterprise',
      users: [owner],
      brands: brands.map((name) => ({ name, campaignSpaces: [] })),
    })
    audience = services.config.AUTH_AUDIENCE
    brandIds.push(...tenant.brands.map(({ id }) => encodeGlobalId('Brand', id)))
  }
  const adminUrl = inDatabase(postgres.adminUrl)
  const admin = new pg.Client(adminUrl)
  await admin.connect()
  opened.defer(() => admin.end())
  const readerUrl = await createReader(admin, postgres.adminUrl)
  const { subject } = owner
  const kept = opened.move()
  return {
    ...neighbourhood,
    tenantId,
    token: await issuer.sign({ subject, tenantId, audience }),
    brandIds,
    readerUrl,
    administrator: admin,
    adminUrl,
    async settle() {
      await admin.query('vacuum (analyze)')
      await admin.query('checkpoint')
    },
    async slowDownZeroDb(operation, ms) {
      const fault = { kind: 'latency', operation, ms }
      const answer = await fetch(`${zerodb.url}/__faults`, {
        method: 'PUT',
        body: JSON.stringify([fault]),
      })
      if (!answer.ok) throw new Error(await answer.text())
    },
    modelUrl: `${llm.url}/v1`,
    slowDownModel: (ms) => void (llm.pace.latencyMs = ms),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function createReader(admin: pg.Client, adminUrl: string): Promise<string> {
  const name = 'bench_reader'
  const password = 'bench'
  await admin.query(`create role ${name} login bypassrls password '${password}'`)
  await admin.query(`grant connect on database gateway to ${name}`)
  await admin.query(`grant usage on schema public to ${name}`)
  await admin.query(`grant select on content_items, content_versions to ${name}`)
  const url = new URL(inDatabase(adminUrl))
  url.username = name
  url.password = password
  return url.href
}

function inDatabase(url: string): string {
  return Object.assign(new URL(url), { pathname: '/gateway' }).href
}
