import type { EntityManager } from '@mikro-orm/postgresql'
import { setTimeout as wait } from 'node:timers/promises'
import type { z } from 'zod'
import type { Log } from './log.ts'
import { openQueue } from './tasks/queue.ts'
import { ringSql, ringValues } from './tasks/ring-sql.ts'
import { answerRings, type AnyQueuedTask } from './tasks/rings.ts'
import { periodicTask } from './telemetry.ts'

/** Background work that finds its own jobs in the database; running it twice is safe. */
export interface Task<Deps> {
  name: string
  /** From the end of one run to the start of the next. */
  everyMs: number
  run: (deps: Deps) => Promise<void>
}

/**
 * Background work that somebody rings for with `enqueue`. The message is only a bell, which may be
 * lost, rung twice or rung by a stranger: `run` reads what there is to do under the tenant that the
 * payload names, and finds nothing if it is done, in somebody else's hands or not that tenant's.
 */
export interface QueuedTask<Deps, Payload> {
  /** Also the queue's: under another name it no longer hears what was rung for before. */
  name: string
  /** Ids only. */
  payload: z.ZodType<Payload>
  run: (deps: Deps, payload: Payload) => Promise<void>
}

/** Everything a worker does. */
export interface Tasks<Deps> {
  periodic: readonly Task<Deps>[]
  queued: readonly AnyQueuedTask<Deps>[]
}

export function defineTask<Deps>(task: Task<Deps>): Task<Deps> {
  return task
}

export function defineQueuedTask<Deps, Payload>(
  task: QueuedTask<Deps, Payload>,
): QueuedTask<Deps, Payload> {
  return task
}

/**
 * Rings for `task` once the transaction has committed, and never when it has not. A message with the
 * same key that nobody has taken yet serves both: it stays until this transaction ends, so that
 * whoever takes it sees what was written here. Comes after the feed in the order of locks, before the
 * outbox; several in one transaction go in the order of their keys. Needs no worker to be there.
 */
export async function enqueue<Payload>(
  tx: EntityManager,
  task: Pick<QueuedTask<never, Payload>, 'name' | 'payload'>,
  payload: Payload,
  { key }: { key: string },
): Promise<void> {
  // Of the roles only this one may use the queue. An error needs no way back: it ends the
  // transaction, or the savepoint, and the role with it.
  await tx.execute('set local role app_queue')
  await tx.execute(ringSql, ringValues(task.name, key, payload))
  await tx.execute('set local role app_tenant')
}

/** How long tasks may take to let go of what they hold when the worker is asked to stop. */
const graceMs = 20_000

/**
 * Runs every periodic task in turn and every queued task when it is rung for, until disposed; what
 * fails is logged, periodic tasks run again. Disposing takes up nothing more, aborts the tasks' signal
 * and waits for them, 20 seconds at most. Starts although PostgreSQL is away; throws StartupError when
 * its queue does not fit this version.
 */
export async function startTasks<Deps extends { signal: AbortSignal }>(
  tasks: Tasks<Deps>,
  deps: Omit<Deps, 'signal'> & { log: Log; databaseUrl: string },
): Promise<AsyncDisposable> {
  const { log, databaseUrl } = deps
  await using opened = new AsyncDisposableStack()
  const stop = new AbortController()
  const { signal } = stop
  const given = { ...deps, signal } as unknown as Deps & { log: Log }
  const queue = opened.use(await openQueue(databaseUrl, log))
  const loops = [
    ...tasks.periodic.map((task) => repeat(task, given)),
    ...tasks.queued.map((task) => answerRings(queue, task, given)),
  ]
  opened.defer(async () => {
    stop.abort()
    const { promise: late, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(resolve, graceMs, true)
    const ended = Promise.all(loops).then(() => false)
    if (await Promise.race([ended, late])) log.error('left tasks behind that did not stop')
    clearTimeout(timer)
  })
  const owned = opened.move()
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Runs periodic tasks where nothing is rung for, e.g. beside the API, until disposed. */
export function repeatTasks<Deps extends { signal: AbortSignal }>(
  periodic: readonly Task<Deps>[],
  deps: Omit<Deps, 'signal'> & { log: Log },
): AsyncDisposable {
  const stop = new AbortController()
  const given = { ...deps, signal: stop.signal } as unknown as Deps & { log: Log }
  const loops = periodic.map((task) => repeat(task, given))
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await Promise.all(loops)
    },
  }
}

async function repeat<Deps extends { signal: AbortSignal }>(
  task: Task<Deps>,
  deps: Deps & { log: Log },
): Promise<void> {
  const { signal, log } = deps
  while (!signal.aborted) {
    await periodicTask(task.name, () => task.run(deps)).catch((error: unknown) => {
      if (!signal.aborted) log.error({ err: error, task: task.name }, 'task failed')
    })
    await wait(task.everyMs, undefined, { signal }).catch(() => {})
  }
}
