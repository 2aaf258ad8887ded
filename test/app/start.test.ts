import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { freePort, isReady, runProgram, temporaryDirectory } from '../support/program.ts'

const wait = { timeout: 30_000, interval: 50 }

async function query(port: number, token: string, text: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: text }),
  })
  return response.json()
}

/** Whether a process still runs. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function standInPids(dataDir: string): Promise<number[]> {
  const states = ['postgres', 'zerodb', 'llm'].map(async (name) => {
    const state: unknown = JSON.parse(await readFile(join(dataDir, `${name}.json`), 'utf8'))
    return (state as { pid: number }).pid
  })
  return Promise.all(states)
}

test('one command serves demo contents with bodies, survives kill -9 and leaves nothing behind', async () => {
  await using directory = await temporaryDirectory()
  const port = await freePort()
  const env = { DATA_DIR: directory.path, PORT: String(port), LLM_BASE_URL: '' }

  await using first = runProgram(['start'], env)
  await vi.waitUntil(() => isReady(port), wait)
  await using printed = runProgram(['token', '--user', 'viewer'], env)
  expect(await printed.exited).toBe(0)
  const token = printed.output().trim()
  const page =
    '{ viewer { user { displayName } } contents(first: 20) { nodes { title body { raw } } } }'
  const before = await query(port, token, page)
  expect(before).toMatchObject({ data: { viewer: { user: { displayName: 'Vera Viewer' } } } })
  const { data } = before as { data: { contents: { nodes: { body: { raw: string } | null }[] } } }
  expect(data.contents.nodes.length).toBeGreaterThanOrEqual(19)
  expect(data.contents.nodes.every(({ body }) => body?.raw)).toBe(true)

  const pids = await standInPids(directory.path)
  first.child.kill('SIGKILL')
  await first.exited
  await vi.waitUntil(() => !pids.some(isAlive), wait)

  await using second = runProgram(['start'], env)
  await vi.waitUntil(() => isReady(port), wait)
  expect(await query(port, token, page)).toEqual(before)
  second.child.kill('SIGTERM')
  expect(await second.exited).toBe(0)
  const later = await standInPids(directory.path).catch(() => [])
  await vi.waitUntil(() => !later.some(isAlive), wait)
})

test('a port that is taken is named, with what to do', async () => {
  await using directory = await temporaryDirectory()
  const port = await freePort()
  const env = { DATA_DIR: directory.path, PORT: String(port) }
  await using first = runProgram(['start'], env)
  await vi.waitUntil(() => isReady(port), wait)

  await using second = runProgram(['start'], env)
  expect(await second.exited).toBe(1)
  expect(second.output()).toBe(`Port ${port} is in use on 127.0.0.1. Stop its owner or set PORT.\n`)
  expect(await isReady(port)).toBe(true)
  expect(first.child.exitCode).toBeNull()
})

test('mistakes in the configuration are listed together and end the program with 2', async () => {
  const env = { PORT: 'seventy', ZERODB_FILTER_KEY: 'fitler', NODE_ENV: 'production' }
  await using program = runProgram(['start'], env)
  expect(await program.exited).toBe(2)
  expect(program.output()).toContain('PORT="seventy"')
  expect(program.output()).toContain('ZERODB_FILTER_KEY="fitler"')
})

test('a data directory that cannot be written is named', async () => {
  await using program = runProgram(['start'], { DATA_DIR: '/dev/null/nowhere', PORT: '0' })
  expect(await program.exited).toBe(1)
  expect(program.output()).toContain('/dev/null/nowhere')
})
