import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { UpstreamError } from '../../src/lib/errors.ts'
import { newId } from '../../src/lib/id.ts'
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts'
import { migrate } from '../../src/platform/postgres/migrate.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

const poolSize = 2
/** More than the pool has connections: each would be missing if it were not given back. */
const attempts = 2 * poolSize + 1
const tenantId = newId()

const patience = { statementTimeoutMs: 5_000, acquireTimeoutMs: 2_000 }

function openSmallPool({ loginUrl }: TestDatabase): Promise<Database> {
  return openDatabase({ url: loginUrl, poolSize, ...patience, entities: [] })
}

const backend = 'select pg_backend_pid() as pid'

function terminate({ admin }: TestDatabase, pid: number | undefined) {
  return admin.query('select pg_terminate_backend($1, 5000)', [pid])
}

async function terminateSleeper({ admin }: TestDatabase): Promise<void> {
  const sleepers = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event = 'PgSleep'`
  await expect.poll(() => admin.query(sleepers)).toMatchObject({ rowCount: 1 })
}

async function expectService(database: Database): Promise<void> {
  const reads = database.reads.forTenant(tenantId)
  expect(await reads.rows('select 1 as one', [])).toEqual([{ one: 1 }])
  const one = await database.transaction(tenantId, (tx) => tx.execute('select 1 as one'))
  expect(one).toEqual([{ one: 1 }])
}

test('a read that PostgreSQL refuses fails at once and gives its connection back', async () => {
  await using clone = await testDatabase()
  await using database = await openSmallPool(clone)
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const refused = database.reads.forTenant(tenantId).rows('select 1 / $1::int', [0])
    await expect(refused).rejects.toMatchObject({ code: '22012' })
  }
  await expectService(database)
})

test('reads of one trip fail together when one of them is refused', async () => {
  await using clone = await testDatabase()
  await using database = await openSmallPool(clone)
  const reads = database.reads.forTenant(tenantId)
  const trip = [
    reads.rows('select 1', []),
    reads.rows('select 1 / 0', []),
    reads.rows('select 2', []),
  ]
  const outcomes = await Promise.allSettled(trip)
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  await expectService(database)
})

test('a read whose connection is cut fails as unavailable and gives its place back', async () => {
  await using clone = await testDatabase()
  await using database = await openSmallPool(clone)
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const reads = database.reads.forTenant(tenantId)
    const cut = reads.rows('select pg_sleep(10)', [])
    const [outcome] = await Promise.allSettled([cut, terminateSleeper(clone)])
    expect(outcome).toMatchObject({ status: 'rejected', reason: { failure: 'unavailable' } })
  }
  await expectService(database)
})

test('a transaction whose connection is cut fails as unavailable and gives its place back', async () => {
  await using clone = await testDatabase()
  await using database = await openSmallPool(clone)
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const cut = database.transaction(tenantId, async (tx) => {
      const [own] = await tx.execute<{ pid: number }[]>(backend)
      await terminate(clone, own?.pid)
      await tx.execute('select 1')
    })
    await expect(cut).rejects.toBeInstanceOf(UpstreamError)
  }
  await expectService(database)
})

test('a transaction cut before its commit is not taken for committed', async () => {
  await using clone = await testDatabase()
  await using database = await openSmallPool(clone)
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const cut = database.transaction(tenantId, async (tx) => {
      const [own] = await tx.execute<{ pid: number }[]>(backend)
      await tx.execute(`insert into tenants (id, name) values (?, 'Cut')`, [tenantId])
      await terminate(clone, own?.pid)
    })
    await expect(cut).rejects.toMatchObject({ failure: 'unavailable', mayHaveApplied: true })
  }
  await expectService(database)
  expect((await clone.admin.query('select from tenants')).rowCount).toBe(0)
})

test('a statement that runs out of time is the database being slow, not a mistake of ours', async () => {
  await using clone = await testDatabase()
  const patience = { statementTimeoutMs: 100, acquireTimeoutMs: 2_000 }
  await using database = await openDatabase({
    url: clone.loginUrl,
    poolSize,
    ...patience,
    entities: [],
  })
  const sleep = 'select pg_sleep(10)'
  const slow = { name: 'UpstreamError', failure: 'timeout', mayHaveApplied: false }
  await expect(database.reads.forTenant(tenantId).rows(sleep, [])).rejects.toMatchObject(slow)
  const transaction = database.transaction(tenantId, (tx) => tx.execute(sleep))
  await expect(transaction).rejects.toMatchObject(slow)
  await expectService(database)
})

test('what the address says of TLS is asked of the server', async () => {
  const greetings: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (bytes) => {
      greetings.push(bytes.toString('hex', 0, 8))
      // No TLS here: whoever wants it must not go on without.
      socket.end('N')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `postgres://login:pw@127.0.0.1:${port}/gateway?sslmode=verify-full`
  await using database = await openDatabase({ url, poolSize: 1, ...patience, entities: [] })
  expect(await database.isReachable()).toBe(false)
  // SSLRequest, and nothing in clear text.
  expect(greetings).toEqual(['0000000804d2162f'])
  await expect(migrate(url)).rejects.toThrow(/SSL|TLS/)
  expect(new Set(greetings)).toEqual(new Set(['0000000804d2162f']))
  server.close()
})

test('a login that row-level security does not bind is refused, at the start or later', async () => {
  await using clone = await testDatabase()
  const open = (url: string) =>
    openDatabase({ url, poolSize, ...patience, refusePowerful: true, entities: [] })
  const asRole = (name: string) =>
    Object.assign(new URL(clone.loginUrl), { username: name, password: 'yx7-Kq20-mmTe' }).href
  const role = `odd_${newId().slice(-12)}`
  await clone.admin.query(`create role ${role} login password 'yx7-Kq20-mmTe'`)
  await clone.admin.query(
    `grant connect on database ${new URL(clone.loginUrl).pathname.slice(1)} to ${role}`,
  )
  try {
    await using allowed = await open(clone.loginUrl)
    await expectService(allowed)
    await using harmless = await open(asRole(role))
    expect(await harmless.isReachable()).toBe(true)
    const powers = [
      ['superuser', 'nosuperuser', /is a superuser/],
      ['bypassrls', 'nobypassrls', /has BYPASSRLS/],
    ] as const
    for (const [power, without, reason] of powers) {
      await clone.admin.query(`alter role ${role} ${power}`)
      await expect(open(asRole(role))).rejects.toMatchObject({ exitCode: 2 })
      await expect(open(asRole(role))).rejects.toThrow(reason)
      await clone.admin.query(`alter role ${role} ${without}`)
    }
    await clone.admin.query(`grant gateway_owner to ${role}`)
    await expect(open(asRole(role))).rejects.toThrow(/may become their owner/)
    await expect(open(clone.ownerUrl)).rejects.toThrow(/owns tables/)
    // Whoever could not ask at the start asks with each new connection.
    await clone.admin.query(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = $1`,
      [role],
    )
    expect(await harmless.isReachable()).toBe(false)
  } finally {
    await clone.admin.query(`drop owned by ${role}`)
    await clone.admin.query(`drop role ${role}`)
  }
})
