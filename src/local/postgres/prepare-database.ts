import { Client, escapeLiteral } from 'pg'
import type { Passwords } from './passwords.ts'

/** The database the gateway uses; `admin` is connected to another one. */
export const databaseName = 'gateway'

/** Creates the database, lets `setupSql` create the roles, and gives these their passwords. */
export async function prepareDatabase(
  admin: Client,
  databaseUrl: string,
  passwords: Passwords,
  setupSql: string,
): Promise<void> {
  const found = await admin.query('select from pg_database where datname = $1', [databaseName])
  if (found.rowCount === 0) await admin.query(`create database ${databaseName}`)
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query(setupSql)
    for (const role of ['gateway_owner', 'gateway_login'] as const) {
      await client.query(`alter role ${role} password ${escapeLiteral(passwords[role])}`)
    }
    await client.query(`alter database ${databaseName} owner to gateway_owner`)
  } finally {
    await client.end()
  }
}
