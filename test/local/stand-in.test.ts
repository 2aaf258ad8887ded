import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { StartupError } from '../../src/lib/errors.ts'
import { readState, writeState } from '../../src/local/stand-in-state.ts'
import { openZeroDb, type LocalZeroDb } from '../../src/local/zerodb/open.ts'
import { isListening, isRunning, startHolder, temporaryDirectory, until } from './support.ts'

const portOf = ({ url }: LocalZeroDb) => Number(new URL(url).port)

async function insertRow(zerodb: LocalZeroDb, id: string): Promise<number> {
  const { status } = await request(zerodb, 'POST', '/tables/things/rows', { row_data: { id } })
  return status
}

function request(zerodb: LocalZeroDb, method: string, path: string, body?: object) {
  return fetch(`${zerodb.url}/api/v1/projects/${zerodb.projectId}/database${path}`, {
    method,
    headers: { 'x-api-key': zerodb.apiKey },
    ...(body && { body: JSON.stringify(body) }),
  })
}

async function countRows(zerodb: LocalZeroDb): Promise<unknown> {
  const answer = (await (await request(zerodb, 'GET', '/tables/things/rows')).json()) as object
  return 'total' in answer && answer.total
}

async function pidIn(directory: string): Promise<number> {
  return (await readState(join(directory, 'zerodb.json')))?.pid ?? Number.NaN
}

test('two processes share one stand-in, which ends with the last of them', async () => {
  await using directory = await temporaryDirectory()
  const zerodb = await openZeroDb({ dataDir: directory.path })
  const other = await startHolder<LocalZeroDb>('zerodb', directory.path)
  expect(other.held).toMatchObject({ url: zerodb.url, apiKey: zerodb.apiKey, started: false })

  await zerodb[Symbol.asyncDispose]()
  expect(await isListening(portOf(zerodb))).toBe(true)
  await other[Symbol.asyncDispose]()
  expect(await isListening(portOf(zerodb))).toBe(false)
})

test('after kill -9 of the only holder the process is gone and the port free', async () => {
  await using directory = await temporaryDirectory()
  await using holder = await startHolder<LocalZeroDb>('zerodb', directory.path)
  const pid = await pidIn(directory.path)
  holder.child.kill('SIGKILL')
  await until(async () => !(await isRunning(pid)), 1_500)
  expect(await isListening(portOf(holder.held))).toBe(false)
})

test("a SIGINT to the holder's whole process group does not reach the stand-in", async () => {
  await using directory = await temporaryDirectory()
  await using holder = await startHolder<LocalZeroDb>('zerodb', directory.path)
  await using zerodb = await openZeroDb({ dataDir: directory.path })
  const exit = once(holder.child, 'exit')
  process.kill(-(holder.child.pid ?? Number.NaN), 'SIGINT')
  await exit
  expect((await fetch(`${zerodb.url}/health`)).status).toBe(200)
})

test('rows, key and port survive a restart', async () => {
  await using directory = await temporaryDirectory()
  const first = await openZeroDb({ dataDir: directory.path })
  await request(first, 'POST', '/tables', { table_name: 'things' })
  await insertRow(first, 'a')
  await first[Symbol.asyncDispose]()

  await using second = await openZeroDb({ dataDir: directory.path })
  expect(second).toMatchObject({ url: first.url, apiKey: first.apiKey, started: true })
  expect(await countRows(second)).toBe(1)
})

test('kill -9 of the stand-in loses no acknowledged row, and the next open starts another', async () => {
  await using directory = await temporaryDirectory()
  const first = await openZeroDb({ dataDir: directory.path })
  await request(first, 'POST', '/tables', { table_name: 'things' })
  let acknowledged = 0
  const writing = (async () => {
    while ((await insertRow(first, String(acknowledged))) === 201) acknowledged++
  })()
  await until(async () => acknowledged >= 50)
  process.kill(await pidIn(directory.path), 'SIGKILL')
  await expect(writing).rejects.toThrow('fetch failed')
  await first[Symbol.asyncDispose]()

  await using second = await openZeroDb({ dataDir: directory.path })
  expect(second.started).toBe(true)
  // The one row more may have been applied without its answer.
  expect([acknowledged, acknowledged + 1]).toContain(await countRows(second))
})

test('processes that start at the same moment end up with one stand-in', async () => {
  await using directory = await temporaryDirectory()
  const start = () => startHolder<LocalZeroDb>('zerodb', directory.path)
  const holders = await Promise.all([start(), start(), start()])
  expect(new Set(holders.map(({ held }) => held.url)).size).toBe(1)
  expect(holders.filter(({ held }) => held.started)).toHaveLength(1)
  const pid = await pidIn(directory.path)
  await Promise.all(holders.map((holder) => holder[Symbol.asyncDispose]()))
  await until(async () => !(await isRunning(pid)))
})

test('opens at the same moment in one process get one stand-in', async () => {
  await using directory = await temporaryDirectory()
  const opened = await Promise.all([1, 2].map(() => openZeroDb({ dataDir: directory.path })))
  expect(opened.filter(({ started }) => started)).toHaveLength(1)
  await Promise.all(opened.map((zerodb) => zerodb[Symbol.asyncDispose]()))
})

test.for([
  ['names a process that is not one', process.pid, 1],
  ['names a port where another service answers', process.pid, undefined],
] as const)('a state file is stale that %s', async ([, pid, controlPort]) => {
  await using directory = await temporaryDirectory()
  await using another = await temporaryDirectory()
  await using alien = await openZeroDb({ dataDir: another.path })
  await writeState(join(directory.path, 'zerodb.json'), {
    pid,
    controlPort: controlPort ?? portOf(alien),
    token: 'an old token',
    details: {},
  })
  await using zerodb = await openZeroDb({ dataDir: directory.path })
  expect(zerodb.started).toBe(true)
})

test('a relative data directory is the one below the working directory', async () => {
  await using directory = await temporaryDirectory()
  await using zerodb = await openZeroDb({ dataDir: relative(process.cwd(), directory.path) })
  expect(zerodb.started).toBe(true)
  expect(await pidIn(directory.path)).toBeGreaterThan(0)
})

test('a broken state file is no obstacle', async () => {
  await using directory = await temporaryDirectory()
  await writeFile(join(directory.path, 'zerodb.json'), '{"pid":')
  await using zerodb = await openZeroDb({ dataDir: directory.path })
  expect(zerodb.started).toBe(true)
})

test('a data directory that cannot be one is named, with what to do', async () => {
  await using directory = await temporaryDirectory()
  const dataDir = join(directory.path, 'file')
  await writeFile(dataDir, '')
  const opening = openZeroDb({ dataDir })
  await expect(opening).rejects.toThrow(StartupError)
  await expect(opening).rejects.toThrow(dataDir)
  await expect(opening).rejects.toThrow(/DATA_DIR/)
})

test('a failure inside the kept process reaches the one who opens', async () => {
  await using directory = await temporaryDirectory()
  await writeFile(join(directory.path, 'zerodb.sqlite'), 'This is no database. '.repeat(100))
  await expect(openZeroDb({ dataDir: directory.path })).rejects.toThrow(/file is not a database/)
})
