import type { EntityManager } from '@mikro-orm/postgresql'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { newId } from '../../src/lib/id.ts'
import { createLog, type Log } from '../../src/platform/log.ts'
import { openDatabase } from '../../src/platform/postgres/database.ts'
import { defineQueuedTask, enqueue, startTasks, type Task } from '../../src/platform/tasks.ts'
import { testDatabase } from '../support/database.ts'
import { openOwnPostgres } from '../support/own-postgres.ts'

const wait = { timeout: 15_000, interval: 10 }
const tenantId = newId()

interface Deps {
  signal: AbortSignal
  log: Log
}
type Work = (deps: Deps, jobId: string) => Promise<void>

/** What is rung for; workers of a test differ in what they then do. */
const bell = {
  name: 'probe',
  payload: z.object({ tenantId: z.uuid(), jobId: z.uuid() }),
}

/** A queue in a database: who rings, and workers as wanted. */
async function openQueue(place: { loginUrl: string; admin: pg.Pool }) {
  const database = await openDatabase({
    url: place.loginUrl,
    poolSize: 10,
    statementTimeoutMs: 10_000,
    acquireTimeoutMs: 10_000,
    entities: [],
  })
  const lines: string[] = []
  const log = createLog('warn', { write: (line) => void lines.push(line) })
  return {
    admin: place.admin,
    /** What workers have logged. */
    lines,
    /** In a transaction of its own, which `before` and `after` may delay or undo. */
    ring: (jobId: string, after: (tx: EntityManager) => Promise<unknown> = async () => {}) =>
      database.transaction(tenantId, async (tx) => {
        await enqueue(tx, bell, { tenantId, jobId }, { key: jobId })
        await after(tx)
      }),
    startWorker: (work: Work, periodic: Task<Deps>[] = []) => {
      const task = defineQueuedTask({
        ...bell,
        run: (deps: Deps, { jobId }) => work(deps, jobId),
      })
      return startTasks<Deps>({ periodic, queued: [task] }, { log, databaseUrl: place.loginUrl })
    },
    /** Messages that nobody has taken. */
    async countWaiting(): Promise<number> {
      const { rows } = await place.admin.query(
        `select count(*)::integer as waiting from pgboss.job where state = 'created'`,
      )
      return (rows[0] as { waiting: number }).waiting
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

async function openTestQueue() {
  await using opened = new AsyncDisposableStack()
  const place = opened.use(await testDatabase())
  const queue = opened.use(await openQueue(place))
  const owned = opened.move()
  return { ...queue, ...place, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** A work that notes whom it was rung for. */
function recorder() {
  const done: string[] = []
  return { done, work: async (_deps: Deps, jobId: string) => void done.push(jobId) }
}

test('what is rung for is done once when the transaction commits, and never when it does not', async () => {
  await using queue = await openTestQueue()
  const { done, work } = recorder()
  await using _worker = await queue.startWorker(work)
  const [undone, first, second] = [newId(), newId(), newId()]

  const undo = async () => {
    throw new Error('Undone')
  }
  await expect(queue.ring(undone, undo)).rejects.toThrow('Undone')
  await queue.ring(first)
  await vi.waitUntil(() => done.length > 0, wait)
  await queue.ring(second)
  await vi.waitUntil(() => done.length > 1, wait)

  expect(done).toEqual([first, second])
  const { rows } = await queue.admin.query('select * from pgboss.job')
  expect(rows).toEqual([])
})

test('ringing leaves the transaction the role and the tenant it had', async () => {
  await using queue = await openTestQueue()
  const seen: unknown[] = []
  const look = async (tx: EntityManager) => {
    seen.push(
      ...(await tx.execute(
        `select current_user as role, current_setting('app.tenant_id') as "tenantId"`,
      )),
    )
    await tx.execute('select from pgboss.job')
  }
  await expect(queue.ring(newId(), look)).rejects.toThrow('permission denied for schema pgboss')
  expect(seen).toEqual([{ role: 'app_tenant', tenantId }])
})

test('fifty rings at once for the same leave one message', async () => {
  await using queue = await openTestQueue()
  const jobId = newId()
  await Promise.all(Array.from({ length: 50 }, () => queue.ring(jobId)))
  expect(await queue.countWaiting()).toBe(1)

  const { done, work } = recorder()
  await using _worker = await queue.startWorker(work)
  await vi.waitUntil(() => done.length > 0, wait)
  expect(await queue.countWaiting()).toBe(0)
  expect(done).toEqual([jobId])
})

test('a message that serves a second ringer is taken only when that one has committed', async () => {
  await using queue = await openTestQueue()
  const events: string[] = []
  const [shared, other] = [newId(), newId()]
  await queue.ring(shared)
  const commit = Promise.withResolvers<void>()
  const hasRung = Promise.withResolvers<void>()
  const second = queue.ring(shared, async () => {
    hasRung.resolve()
    await commit.promise
    events.push('committing')
  })
  await hasRung.promise

  await using _worker = await queue.startWorker(async (_deps, jobId) => void events.push(jobId))
  await queue.ring(other)
  await vi.waitUntil(() => events.length > 0, wait)
  commit.resolve()
  await second
  await vi.waitUntil(() => events.length > 2, wait)
  expect(events).toEqual([other, 'committing', shared])
})

test('what a worker killed by -9 had taken up can be rung for again', async () => {
  await using queue = await openTestQueue()
  const jobId = newId()
  await queue.ring(jobId)
  const child = fork(new URL('task-holder.ts', import.meta.url), [queue.loginUrl])
  const [taken] = await once(child, 'message')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(taken).toBe(jobId)

  const { done, work } = recorder()
  await using _worker = await queue.startWorker(work)
  await queue.ring(jobId)
  await vi.waitUntil(() => done.length > 0, wait)
  expect(done).toEqual([jobId])
})

test('a worker that died with the message half taken blocks nobody', async () => {
  await using queue = await openTestQueue()
  const jobId = newId()
  await queue.ring(jobId)
  await queue.admin.query(`update pgboss.job set state = 'active', started_on = now()`)

  const { done, work } = recorder()
  await using _worker = await queue.startWorker(work)
  await queue.ring(jobId)
  await vi.waitUntil(() => done.length > 0, wait)
  expect(done).toEqual([jobId])
})

const emptyQueue = `do $$
  declare tables text;
  begin
    select string_agg(format('pgboss.%I', tablename), ', ') into tables
    from pg_tables where schemaname = 'pgboss';
    execute 'truncate ' || tables;
  end $$`

test('emptying all tables of the queue loses what had been rung, and nothing after', async () => {
  await using queue = await openTestQueue()
  const { done, work } = recorder()
  await using _worker = await queue.startWorker(work)
  const [before, after, later] = [newId(), newId(), newId()]
  await queue.ring(before)
  await vi.waitUntil(() => done.length > 0, wait)

  await queue.admin.query(emptyQueue)
  await queue.ring(after)
  await vi.waitUntil(() => done.length > 1, wait)

  await queue.admin.query(emptyQueue)
  const fresh = recorder()
  await _worker[Symbol.asyncDispose]()
  await using _another = await queue.startWorker(fresh.work)
  await queue.ring(later)
  await vi.waitUntil(() => fresh.done.length > 0, wait)
  expect([done, fresh.done]).toEqual([[before, after], [later]])
})

test('a worker that is stopped takes up nothing more and waits for its works to let go', async () => {
  await using queue = await openTestQueue()
  const events: string[] = []
  const untilStopped = async ({ signal }: Deps, name: string) => {
    events.push(`${name} begun`)
    await once(signal, 'abort')
    // Letting go takes a while.
    await queue.admin.query('select pg_sleep(0.1)')
    events.push(`${name} released`)
  }
  const nightly: Task<Deps> = {
    name: 'nightly',
    everyMs: 1,
    run: (deps) => untilStopped(deps, 'periodic'),
  }
  const worker = await queue.startWorker((deps) => untilStopped(deps, 'queued'), [nightly])
  await queue.ring(newId())
  await vi.waitUntil(() => events.length === 2, wait)

  await worker[Symbol.asyncDispose]()
  events.push('stopped')
  await queue.ring(newId())

  expect(events.toSorted()).toEqual([
    'periodic begun',
    'periodic released',
    'queued begun',
    'queued released',
    'stopped',
  ])
  expect(events.at(-1)).toBe('stopped')
  expect(await queue.countWaiting()).toBe(1)
  expect(queue.lines).toEqual([])
})

test('a message that is none of its task is dropped, a task that fails is logged; work goes on', async () => {
  await using queue = await openTestQueue()
  const { done, work } = recorder()
  const [failing, good] = [newId(), newId()]
  await using _worker = await queue.startWorker(async (deps, jobId) => {
    if (jobId === failing) throw new Error('Out of order')
    await work(deps, jobId)
  })
  await queue.ring(good)
  await vi.waitUntil(() => done.length > 0, wait)

  await queue.admin.query(
    `insert into pgboss.job (name, data, policy) values ('probe', '{"jobId": "x"}', 'short')`,
  )
  await queue.ring(failing)
  await vi.waitUntil(() => queue.lines.length === 2, wait)
  await queue.ring(good)
  await vi.waitUntil(() => done.length > 1, wait)

  expect(await queue.countWaiting()).toBe(0)
  const logged = queue.lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(logged).toContainEqual(
    expect.objectContaining({ task: 'probe', problem: expect.stringContaining('jobId') }),
  )
  expect(logged).toContainEqual(
    expect.objectContaining({
      task: 'probe',
      payload: { tenantId, jobId: failing },
      err: expect.objectContaining({ message: 'Out of order' }),
      msg: 'task failed',
    }),
  )
})

test('a worker with fifty works in hand leaves the rest to another', async () => {
  await using queue = await openTestQueue()
  const held = new Set<string>()
  await using _full = await queue.startWorker(async ({ signal }, jobId) => {
    held.add(jobId)
    await once(signal, 'abort')
  })
  const jobIds = Array.from({ length: 53 }, () => newId())
  await Promise.all(jobIds.map((jobId) => queue.ring(jobId)))
  await vi.waitUntil(() => held.size === 50, wait)
  expect(await queue.countWaiting()).toBe(3)

  const { done, work } = recorder()
  await using _other = await queue.startWorker(work)
  await vi.waitUntil(() => done.length === 3, wait)
  expect([...held, ...done].toSorted()).toEqual(jobIds.toSorted())
})

test('a worker goes on when PostgreSQL has been restarted', { timeout: 120_000 }, async () => {
  await using own = await openOwnPostgres()
  const { loginUrl } = own.postgres
  await using queue = await openQueue({ loginUrl, admin: own.admin })
  const { done, work } = recorder()
  await using _worker = await queue.startWorker(work)
  const [before, after] = [newId(), newId()]
  await queue.ring(before)
  await vi.waitUntil(() => done.length > 0, wait)

  await own.restart()
  await queue.ring(after)
  await vi.waitUntil(() => done.length > 1, wait)
  expect(done).toEqual([before, after])

  await own.admin.query('revoke app_queue from gateway_login')
  await expect(queue.startWorker(work)).rejects.toThrow('Run migrations/roles.sql')
})

test('a queue of another version, or none, is told to the operator with the remedy', async () => {
  await using queue = await openTestQueue()
  const { work } = recorder()
  await queue.admin.query('update pgboss.version set version = 42')
  await expect(queue.startWorker(work)).rejects.toThrow(
    'The task queue has schema version 42, version 43 is needed. Run `gateway migrate`',
  )
  await queue.admin.query('drop schema pgboss cascade')
  await expect(queue.startWorker(work)).rejects.toThrow('The task queue is missing')
})

test('migrating a database whose roles are older says what to run first', async () => {
  const forgetRole = async ({ adminUrl }: { adminUrl: string }) => {
    const client = new pg.Client({ connectionString: adminUrl })
    await client.connect()
    await client.query('drop role app_queue')
    await client.end()
  }
  const opening = openOwnPostgres(forgetRole)
  await expect(opening).rejects.toThrow(/"app_queue" does not exist.* Run migrations\/roles.sql/)
})
