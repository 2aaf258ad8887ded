import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { openPostgres, type LocalPostgres } from '../../src/local/postgres.ts'
import { readState } from '../../src/local/stand-in-state.ts'
import {
  isListening,
  isRunning,
  setupSql,
  startHolder,
  temporaryDirectory,
  until,
} from './support.ts'

const settings = { fsync: 'off' }

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

test('the first start makes a cluster with the database and the passwords of its roles', async () => {
  await using directory = await temporaryDirectory()
  await using postgres = await openPostgres({ dataDir: directory.path, setupSql, settings })
  expect(postgres.started).toBe(true)
  const who = `select current_user as role, current_database() as database,
    current_setting('fsync') as fsync, lower('ÄÉ') as folded`
  expect(await query(postgres.loginUrl, who)).toEqual([
    { role: 'gateway_login', database: 'gateway', fsync: 'off', folded: 'äé' },
  ])
  expect(await query(postgres.ownerUrl, 'create table t (n int)')).toEqual([])
  expect(await query(postgres.adminUrl, "select current_setting('is_superuser') as it")).toEqual([
    { it: 'on' },
  ])
  const url = new URL(postgres.loginUrl)
  url.password = 'wrong'
  await expect(query(url.href, 'select')).rejects.toThrow(/password authentication failed/)
})

test('data, passwords and port survive a restart', async () => {
  await using directory = await temporaryDirectory()
  const first = await openPostgres({ dataDir: directory.path, setupSql, settings })
  await query(first.ownerUrl, 'create table t as select 1 as n')
  await first[Symbol.asyncDispose]()
  expect(await isListening(first.port)).toBe(false)

  await using second = await openPostgres({ dataDir: directory.path, setupSql, settings })
  expect(second.ownerUrl).toBe(first.ownerUrl)
  expect(await query(second.ownerUrl, 'select n from t')).toEqual([{ n: 1 }])
})

test('kill -9 of the keeper leaves no server behind, and the data is there', async () => {
  await using directory = await temporaryDirectory()
  const first = await openPostgres({ dataDir: directory.path, setupSql, settings })
  await query(first.ownerUrl, 'create table t as select 1 as n')
  const keeper = (await readState(join(directory.path, 'postgres.json')))?.pid ?? Number.NaN
  process.kill(keeper, 'SIGKILL')

  await using second = await openPostgres({ dataDir: directory.path, setupSql, settings })
  expect(second.started).toBe(true)
  expect(await query(second.ownerUrl, 'select n from t')).toEqual([{ n: 1 }])
})

test('a server whose keeper and watchdog are both gone is stopped before another starts', async () => {
  await using directory = await temporaryDirectory()
  const first = await openPostgres({ dataDir: directory.path, setupSql, settings })
  await query(first.ownerUrl, 'create table t as select 1 as n')
  const keeper = (await readState(join(directory.path, 'postgres.json')))?.pid ?? Number.NaN
  const [server] = await serverOf(directory.path)
  for (const pid of await childrenOf(keeper)) if (pid !== server) process.kill(pid, 'SIGKILL')
  process.kill(keeper, 'SIGKILL')
  await until(async () => !(await isRunning(keeper)))
  expect(await isRunning(server)).toBe(true)

  await using second = await openPostgres({ dataDir: directory.path, setupSql, settings })
  expect(await isRunning(server)).toBe(false)
  expect(await query(second.ownerUrl, 'select n from t')).toEqual([{ n: 1 }])
})

test('when the server dies its keeper ends, and the next open starts it again', async () => {
  await using directory = await temporaryDirectory()
  const first = await openPostgres({ dataDir: directory.path, setupSql, settings })
  const [server] = await serverOf(directory.path)
  process.kill(server, 'SIGKILL')
  const keeper = (await readState(join(directory.path, 'postgres.json')))?.pid ?? Number.NaN
  await until(async () => !(await isRunning(keeper)))
  await first[Symbol.asyncDispose]()
  await using second = await openPostgres({ dataDir: directory.path, setupSql, settings })
  expect(await query(second.loginUrl, 'select 1 as n')).toEqual([{ n: 1 }])
})

test('after kill -9 of the only holder nothing listens any more', async () => {
  await using directory = await temporaryDirectory()
  await using holder = await startHolder<LocalPostgres>('postgres', directory.path)
  holder.child.kill('SIGKILL')
  await until(async () => !(await isListening(holder.held.port)))
})

test('a setting that PostgreSQL refuses is told at once', async () => {
  await using directory = await temporaryDirectory()
  const opening = openPostgres({ dataDir: directory.path, setupSql, settings: { fsinc: 'off' } })
  await expect(opening).rejects.toThrow(/the server ended, see .*postgres\.log/)
})

async function serverOf(dataDir: string): Promise<[number]> {
  const text = await readFile(join(dataDir, 'postgres', 'cluster', 'postmaster.pid'), 'utf8')
  return [Number(text.split('\n')[0])]
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.trim().split(' ').map(Number)
}
