import { expect, test, vi } from 'vitest'
import { type Program, runProgram, temporaryDirectory } from '../support/program.ts'

const wait = { timeout: 60_000, interval: 50 }
const timeout = 120_000

/** A data directory whose database has its tables; its stores go when the last program that uses them does. */
async function prepareStores() {
  const directory = await temporaryDirectory()
  const env = { DATA_DIR: directory.path, LOG_LEVEL: 'info' }
  await using migrate = runProgram(['migrate'], env)
  expect(await migrate.exited).toBe(0)
  return { env, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() }
}

/** Of the processes that have begun to work, in this order. */
function workersOf(program: Program): number[] {
  return program
    .output()
    .split('\n')
    .filter((line) => line.includes('"msg":"working"'))
    .map((line) => (JSON.parse(line) as { pid: number }).pid)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test(
  'two workers: one that is killed is replaced, and both stop when told to',
  { timeout },
  async () => {
    await using stores = await prepareStores()
    await using program = runProgram(['work', '--workers', '2'], stores.env)
    await vi.waitUntil(() => workersOf(program).length === 2, wait)
    const [killed = 0] = workersOf(program)

    process.kill(killed, 'SIGKILL')
    await vi.waitUntil(() => workersOf(program).length === 3, wait)
    const pids = workersOf(program)
    expect(new Set(pids).size).toBe(3)
    expect(pids.filter(isAlive)).toEqual(pids.filter((pid) => pid !== killed))
    expect(pids).not.toContain(program.child.pid)

    program.child.kill('SIGTERM')
    expect(await program.exited).toBe(0)
    expect(pids.filter(isAlive)).toEqual([])
  },
)

test('workers end when whoever keeps them is killed', { timeout }, async () => {
  await using stores = await prepareStores()
  await using program = runProgram(['work', '--workers', '2'], stores.env)
  await vi.waitUntil(() => workersOf(program).length === 2, wait)
  program.child.kill('SIGKILL')
  await vi.waitUntil(() => !workersOf(program).some(isAlive), wait)
})

test('one worker is one process, and stops when told to', { timeout }, async () => {
  await using stores = await prepareStores()
  await using program = runProgram(['work'], stores.env)
  await vi.waitUntil(() => workersOf(program).length === 1, wait)
  expect(workersOf(program)).toEqual([program.child.pid])
  program.child.kill('SIGTERM')
  expect(await program.exited).toBe(0)
})

test('workers that cannot even begin are not tried again and again', { timeout }, async () => {
  await using directory = await temporaryDirectory()
  await using program = runProgram(['work', '--workers', '2'], { DATA_DIR: directory.path })
  expect(await program.exited).toBe(2)
  expect(program.output()).toContain('Run `gateway migrate`')
  expect(program.output()).toMatch(/Worker \d+ ended with exit status 2 before it worked\./)
})

test('a worker waits for a PostgreSQL that is away', { timeout }, async () => {
  await using directory = await temporaryDirectory()
  const env = {
    DATA_DIR: directory.path,
    DATABASE_URL: 'postgres://gateway_login:x@127.0.0.1:9/gateway',
    LOG_LEVEL: 'info',
  }
  await using program = runProgram(['work'], env)
  await vi.waitUntil(() => program.output().includes('the task queue is away'), wait)
  expect(program.child.exitCode).toBeNull()
  program.child.kill('SIGTERM')
  expect(await program.exited).toBe(0)
})
