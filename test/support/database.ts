import pg from 'pg'
import { inject } from 'vitest'
import { newId } from '../../src/lib/id.ts'
import { expectNoCanaries, tracesOfSecrets, watchSecret } from './canaries.ts'

/** A database of its own, a clone of the migrated template; dropped on dispose. */
export interface TestDatabase extends AsyncDisposable {
  /** As the gateway logs in. */
  loginUrl: string
  /** As the owner of the schema. */
  ownerUrl: string
  /** As superuser, whom row-level security does not bind: for planting faults and looking behind. */
  admin: pg.Pool
}

export function testDatabase(): Promise<TestDatabase> {
  return createDatabase('gateway')
}

/** The same, but empty: nobody has migrated it or set rights in it. */
export function emptyDatabase(): Promise<TestDatabase> {
  return createDatabase('template0')
}

async function createDatabase(template: 'gateway' | 'template0'): Promise<TestDatabase> {
  for (const url of ['adminUrl', 'ownerUrl', 'loginUrl'] as const) {
    watchSecret(new URL(inject(url)).password)
  }
  const name = `test_${newId().replaceAll('-', '_')}`
  await onServer(`create database ${name} template ${template} owner gateway_owner`)
  const admin = new pg.Pool({ connectionString: at(inject('adminUrl'), name), max: 4 })
  // Dropping the database ends idle connections, which the pool would report as errors.
  admin.on('error', () => {})
  return {
    loginUrl: at(inject('loginUrl'), name),
    ownerUrl: at(inject('ownerUrl'), name),
    admin,
    async [Symbol.asyncDispose]() {
      try {
        await expectNoSecretsIn(admin)
      } finally {
        await admin.end()
        await onServer(`drop database ${name} with (force)`)
      }
    },
  }
}

/** Of a large table so many rows must do. */
const maxRows = 5_000

/** Looks through every table as `pg_dump` would write it. */
async function expectNoSecretsIn(admin: pg.Pool): Promise<void> {
  const { rows: tables } = await admin.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')`,
  )
  if (tables.length === 0) return
  const queries = tables.map(
    ({ name }) => `select '${name}' as name, found.row from (
      select row.*::text as row from (select * from ${name} limit ${maxRows}) row
    ) found where found.row like any($1)`,
  )
  const patterns = tracesOfSecrets().map((trace) => `%${trace.replaceAll('_', String.raw`\_`)}%`)
  const client = await admin.connect()
  // So many small scans look dear to the planner, and compiling them takes longer than running them.
  await client.query('set jit = off')
  const { rows } = await client
    .query<{ name: string; row: string }>(queries.join(' union all '), [patterns])
    .finally(() => client.release(true))
  for (const { name, row } of rows) expectNoCanaries(row, `the table ${name}`)
}

function at(url: string, database: string): string {
  return Object.assign(new URL(url), { pathname: `/${database}` }).href
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('adminUrl') })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
