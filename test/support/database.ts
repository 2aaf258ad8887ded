import pg from 'pg'
import { inject } from 'vitest'
import { newId } from '../../src/lib/id.ts'

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
      await admin.end()
      await onServer(`drop database ${name} with (force)`)
    },
  }
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
