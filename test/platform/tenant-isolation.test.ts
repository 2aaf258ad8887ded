import { type AnyEntity, type EntityName, MikroORM } from '@mikro-orm/postgresql'
import fc from 'fast-check'
import pg from 'pg'
import { expect, test } from 'vitest'
import { entities } from '../../src/app/entities.ts'
import { createTenant } from '../../src/features/tenancy/create-tenant.ts'
import { User } from '../../src/features/tenancy/user.entity.ts'
import { UpstreamError } from '../../src/lib/errors.ts'
import { newId } from '../../src/lib/id.ts'
import { mapLimit } from '../../src/lib/map-limit.ts'
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts'
import { testDatabase } from '../support/database.ts'
import { graphql } from '../support/gql/gql.ts'
import { startGateway, type TestGateway, type TestTenant } from '../support/gateway.ts'

const operationCount = process.env['LONG'] ? 100_000 : 10_000
const clients = 64
const poolSize = 8
const tenantCount = 20
const usersPerTenant = 3

const tables = ['tenants', 'users', 'brands', 'brand_members', 'campaign_spaces', 'usage_ledger']
const columnOf = (table: string) => (table === 'tenants' ? 'id' : 'tenant_id')

interface Seen {
  tenantId: string
}

/** What one of many clients does; weights in percent. */
const operation = fc.noBias(
  fc.record({
    tenant: fc.nat(tenantCount - 1),
    table: fc.constantFrom(...tables),
    kind: fc.oneof(
      { weight: 40, arbitrary: fc.constant('read' as const) },
      { weight: 33, arbitrary: fc.constant('write' as const) },
      { weight: 10, arbitrary: fc.constant('throwInTransaction' as const) },
      { weight: 5, arbitrary: fc.constant('failInSql' as const) },
      { weight: 5, arbitrary: fc.constant('leave' as const) },
      { weight: 5, arbitrary: fc.constant('forgetTenant' as const) },
      { weight: 2, arbitrary: fc.constant('killConnection' as const) },
    ),
  }),
)
type Kind = (typeof operation extends fc.Arbitrary<infer T> ? T : never)['kind']

class Abort extends Error {}

/** Tries every way to meet another tenant's rows; none of these statements names a tenant. */
function createClient(database: Database, admin: pg.Pool, forgotten: Forgotten) {
  const selectAll = (table: string) => `select ${columnOf(table)} as "tenantId" from ${table}`

  const read = async (tenantId: string, table: string) => {
    const reads = database.reads.forTenant(tenantId)
    const [rows, users] = await Promise.all([
      reads.rows<Seen>(selectAll(table), []),
      reads.rows<Seen>(selectAll('users'), []),
    ])
    expect(users).toHaveLength(usersPerTenant)
    return [...rows, ...users]
  }

  const write = (tenantId: string, table: string, ending: 'commit' | 'throw' | 'fail') =>
    database.transaction(tenantId, async (tx) => {
      const users: Seen[] = await tx.find(User, {})
      expect(users).toHaveLength(usersPerTenant)
      const written = await tx.execute<Seen[]>(
        `insert into usage_ledger (tenant_id, operation_id, content_id, bytes, items)
         values (?, ?, ?, 0, 0) returning tenant_id as "tenantId"`,
        [tenantId, newId(), newId()],
      )
      if (ending === 'throw') throw new Abort()
      if (ending === 'fail') await tx.execute('select 1 / 0')
      return [...users, ...written, ...(await tx.execute<Seen[]>(selectAll(table)))]
    })

  const leave = async (tenantId: string, table: string) => {
    const controller = new AbortController()
    const reads = database.reads.forTenant(tenantId, undefined, controller.signal)
    const rows = reads.rows<Seen>(selectAll(table), [])
    controller.abort(new Abort())
    return rows
  }

  const killConnection = async () => {
    await admin.query(`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'content-gateway'
      order by random() limit 1`)
    return []
  }

  const run: Record<Kind, (tenantId: string, table: string) => Promise<Seen[]>> = {
    read,
    write: (tenantId, table) => write(tenantId, table, 'commit'),
    throwInTransaction: (tenantId, table) => write(tenantId, table, 'throw'),
    failInSql: (tenantId, table) => write(tenantId, table, 'fail'),
    leave,
    forgetTenant: (_tenantId, table) => forgotten(selectAll(table)),
    killConnection,
  }
  return run
}

type Forgotten = (sql: string) => Promise<Seen[]>

/** Runs SQL on the gateway's own pool, outside of any transaction, as forgetful code would. */
async function withoutContext(database: Database, tenantId: string): Promise<Forgotten> {
  const em = await database.transaction(tenantId, async (tx) => tx.fork({ clear: true }))
  return (sql) => em.getConnection().execute<Seen[]>(sql)
}

async function openTestDatabase(url: string): Promise<Database> {
  return openDatabase({
    url,
    poolSize,
    statementTimeoutMs: 10_000,
    acquireTimeoutMs: 10_000,
    entities,
  })
}

const people = (['owner', 'editor', 'viewer'] as const).map((role) => ({
  subject: role,
  displayName: role,
  role,
}))

function newTenants(database: Database, count: number) {
  return mapLimit(Array.from({ length: count }), 4, () =>
    createTenant(database, {
      id: newId(),
      name: 'Tenant',
      planTier: 'free',
      users: people,
      brands: [{ name: 'Brand', campaignSpaces: ['Space'] }],
    }),
  )
}

test(`${operationCount} operations of ${tenantCount} tenants over ${poolSize} connections never see a foreign row`, async () => {
  await using clone = await testDatabase()
  await using database = await openTestDatabase(clone.loginUrl)
  const tenants = await newTenants(database, tenantCount)
  const forgotten = await withoutContext(database, tenants[0]?.id ?? '')
  const client = createClient(database, clone.admin, forgotten)
  const schedule = fc.array(operation, { minLength: operationCount, maxLength: operationCount })

  await fc.assert(
    fc.asyncProperty(schedule, async (operations) => {
      const surprises: unknown[] = []
      const seen = { rows: 0, foreign: 0, successes: 0, cut: 0, denied: 0, contextless: 0 }
      await mapLimit(operations, clients, async ({ tenant, table, kind }) => {
        const tenantId = tenants[tenant]?.id ?? ''
        try {
          const rows = await client[kind](tenantId, table)
          if (kind === 'forgetTenant') seen.contextless++
          seen.successes++
          seen.rows += rows.length
          seen.foreign += rows.filter((row) => row.tenantId !== tenantId).length
        } catch (error) {
          if (kind === 'forgetTenant' && isDenied(error)) seen.denied++
          else if (isCut(kind, error)) seen.cut++
          else if (!isExpected(kind, error)) surprises.push(error)
        }
      })
      expect(surprises).toEqual([])
      expect(seen).toMatchObject({ foreign: 0, contextless: 0 })
      // Rather more than nothing was put to the test.
      expect(seen.successes).toBeGreaterThan(operationCount * 0.7)
      expect(seen.denied).toBeGreaterThan(operationCount * 0.03)
      expect(seen.cut).toBeLessThan(operationCount * 0.05)
      expect(seen.rows).toBeGreaterThan(operationCount)
    }),
    { numRuns: 1, endOnFailure: true, verbose: 0 },
  )

  const { rows: left } = await clone.admin.query(
    `select state from pg_stat_activity
     where datname = current_database() and application_name = 'content-gateway' and state <> 'idle'`,
  )
  expect(left).toEqual([])
}, 600_000)

function isDenied(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && (error.code === '42501' || error.code === '42P01')
  )
}

/** Somebody ended the connection under it; only what goes past `Database` may say so in raw words. */
function isCut(kind: Kind, error: unknown): boolean {
  if (error instanceof UpstreamError) return error.failure === 'unavailable'
  const message = error instanceof Error ? error.message : ''
  return kind === 'forgetTenant' && /terminat|not queryable/i.test(message)
}

function isExpected(kind: Kind, error: unknown): boolean {
  if (kind === 'throwInTransaction' || kind === 'leave') return error instanceof Abort
  return (
    kind === 'failInSql' && error instanceof Error && error.message.includes('division by zero')
  )
}

async function tableNames(admin: pg.Pool): Promise<string[]> {
  const { rows } = await admin.query<{ name: string }>(
    `select relname::text as name from pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v') order by 1`,
  )
  return rows.map(({ name }) => name)
}

const statementsOf = (table: string) => [
  `select * from ${table}`,
  `select count(*) from ${table}`,
  `insert into ${table} select * from ${table}`,
  `update ${table} set ${columnOf(table)} = ${columnOf(table)}`,
  `delete from ${table}`,
  `truncate ${table}`,
  `create table if not exists copied as select * from ${table}`,
]

/** Without a right on the schema a table is refused by name, or not even found. */
const denied = { code: expect.toBeOneOf(['42501', '42P01']) }

test('whoever forgets the tenant is refused on every table, however the query is sent', async () => {
  await using clone = await testDatabase()
  await using database = await openTestDatabase(clone.loginUrl)
  const [tenant] = await newTenants(database, 1)
  const forgotten = await withoutContext(database, tenant?.id ?? '')
  const orm = await MikroORM.init({ clientUrl: clone.loginUrl, entities })
  await using _orm = { [Symbol.asyncDispose]: () => orm.close() }
  const pool = new pg.Pool({ connectionString: clone.loginUrl })
  await using _pool = { [Symbol.asyncDispose]: () => pool.end() }
  const em = orm.em.fork()
  const ways: ((sql: string) => Promise<unknown>)[] = [
    (sql) => pool.query(sql),
    (sql) => em.execute(sql),
    (sql) => em.getConnection().execute(sql),
    (sql) => em.transactional((tx) => tx.execute(sql)),
    forgotten,
  ]
  const names = await tableNames(clone.admin)
  expect(names.length).toBeGreaterThan(10)
  for (const sql of names.flatMap(statementsOf)) {
    for (const send of ways) await expect(send(sql)).rejects.toMatchObject(denied)
  }
  for (const entity of entities as EntityName<AnyEntity>[]) {
    const { tableName } = orm.getMetadata().get(entity)
    await expect(em.fork().find(entity, {})).rejects.toMatchObject(denied)
    await expect(
      em.getKysely<Record<string, object>>().selectFrom(tableName).execute(),
    ).rejects.toMatchObject(denied)
  }
})

test('a role without a tenant sees no row, changes none and adds none', async () => {
  await using clone = await testDatabase()
  await using database = await openTestDatabase(clone.loginUrl)
  await newTenants(database, 2)
  const client = new pg.Client({ connectionString: clone.loginUrl })
  await client.connect()
  await using _client = { [Symbol.asyncDispose]: () => client.end() }
  const names = (await tableNames(clone.admin)).filter((name) => name !== 'mikro_orm_migrations')

  for (const tenantId of [undefined, '', newId()]) {
    for (const name of names) {
      await client.query('begin')
      await client.query('set local role app_tenant')
      if (tenantId !== undefined) {
        await client.query(`select set_config('app.tenant_id', $1, true)`, [tenantId])
      }
      const { rows } = await client.query(`select * from ${name}`)
      expect({ name, rows }).toEqual({ name, rows: [] })
      const insert = client.query(`insert into tenants (id, name) values ($1, 'Planted')`, [
        newId(),
      ])
      await expect(insert).rejects.toMatchObject({ code: '42501' })
      await client.query('rollback')
    }
  }
})

const rowLevel = /row-level security/

test('a tenant writes no row for another, moves none to another and points at nothing of another', async () => {
  await using clone = await testDatabase()
  await using database = await openTestDatabase(clone.loginUrl)
  const [own, other] = await newTenants(database, 2)
  const [brand] = other?.brands ?? []
  const foreign = other?.id ?? ''
  const space = `insert into campaign_spaces (tenant_id, id, brand_id, name) values (?, ?, ?, 'New')`
  const attempts: [sql: string, values: unknown[], message: RegExp][] = [
    [`insert into brands (tenant_id, id, name) values (?, ?, 'New')`, [foreign, newId()], rowLevel],
    [`update content_storage_usage set tenant_id = ?`, [foreign], rowLevel],
    // A key of another tenant is refused exactly as one that nobody has.
    [space, [own?.id, newId(), brand?.id], /foreign key/],
    [space, [own?.id, newId(), newId()], /foreign key/],
    [`set local role gateway_owner`, [], /permission denied to set role/],
    [`set local row_security = off`, [], rowLevel],
  ]
  for (const [sql, values, message] of attempts) {
    const attempt = database.transaction(own?.id ?? '', async (tx) => {
      await tx.execute(sql, values)
      return tx.execute('select * from brands')
    })
    await expect(attempt).rejects.toThrow(message)
  }
})

const createDocument = graphql(`
  mutation IsolationCreate($input: CreateContentInput!) {
    createContent(input: $input) {
      __typename
      ... on ContentSuccess {
        content {
          id
        }
      }
    }
  }
`)

const byRefDocument = graphql(`
  query IsolationByRef($ref: ContentRef!) {
    content(ref: $ref) {
      id
      title
      tenant {
        databaseId
      }
      author {
        displayName
      }
      body {
        raw
      }
      versions(first: 1) {
        nodes {
          snapshot {
            title
            body {
              raw
            }
          }
        }
      }
    }
  }
`)

const rounds = 1_000
const externalIds = ['a', 'b', 'c', 'd', 'e']
const refOf = (id: string) => ({ system: 'crm', id })

async function createTwins(gateway: TestGateway, name: string): Promise<TestTenant> {
  const tenant = await gateway.newTenant({
    name,
    users: [{ subject: 'same@subject', displayName: `Owner of ${name}`, role: 'owner' }],
  })
  for (const id of externalIds) {
    const body = { format: 'TEXT' as const, raw: `${id} of ${name}` }
    const input = { title: `${id} of ${name}`, body, externalRef: refOf(id) }
    const { data } = await gateway.query(tenant, createDocument, { input })
    expect(data?.createContent.__typename).toBe('ContentSuccess')
  }
  return tenant
}

test(`two tenants with the same references are never mixed up in ${rounds} interleaved rounds`, async () => {
  await using gateway = await startGateway()
  const tenants = [await createTwins(gateway, 'first'), await createTwins(gateway, 'second')]
  // Without a cache every read takes part in the flights of its tenant.
  await using cacheless = await gateway.startTwin({ BODY_CACHE_MB: '0' })
  const round = fc.record({
    tenant: fc.constantFrom(...tenants),
    id: fc.constantFrom(...externalIds),
    instance: fc.constantFrom(gateway, cacheless),
  })
  const schedule = fc.array(round, { minLength: rounds, maxLength: rounds })

  await fc.assert(
    fc.asyncProperty(schedule, async (all) => {
      await mapLimit(all, 32, async ({ tenant, id, instance }) => {
        const { data, errors } = await instance.query(tenant, byRefDocument, {
          ref: { externalRef: refOf(id) },
        })
        expect(errors).toBeUndefined()
        const name = tenant === tenants[0] ? 'first' : 'second'
        const text = `${id} of ${name}`
        expect(data?.content).toEqual({
          id: expect.any(String),
          title: text,
          tenant: { databaseId: tenant.id },
          author: { displayName: `Owner of ${name}` },
          body: { raw: text },
          versions: { nodes: [{ snapshot: { title: text, body: { raw: text } } }] },
        })
      })
    }),
    { numRuns: 1, endOnFailure: true },
  )
}, 60_000)
