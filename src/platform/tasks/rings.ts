import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import type { Log } from '../log.ts'
import { queuedTask } from '../telemetry.ts'
import type { Queue } from './queue.ts'

/** A queued task whatever its payload. */
export interface AnyQueuedTask<Deps> {
  name: string
  payload: z.ZodType
  run: (deps: Deps, payload: never) => Promise<void>
}

/** So many works of a task at a time; what is rung for beyond that is left to other workers. */
const maxWorks = 50

/** For a ring that was not heard, and a message that its own ringer still held when it was. */
const pollMs = 500

/** After a failure, e.g. while PostgreSQL is away. */
const pauseMs = 1_000

/**
 * Takes up messages of `task` and works on them side by side until the signal aborts; then waits for
 * what it has begun.
 */
export async function answerRings<Deps extends { signal: AbortSignal }>(
  queue: Queue,
  task: AnyQueuedTask<Deps>,
  deps: Deps & { log: Log },
): Promise<void> {
  const { signal, log } = deps
  const works = new Set<Promise<void>>()
  while (!signal.aborted) {
    if (works.size >= maxWorks) {
      await Promise.race(works)
      continue
    }
    const ring = queue.nextRing()
    try {
      // One at a time, so that workers share what is rung for at once.
      const message = await queue.take(task.name)
      if (message) {
        const work = answer(task, deps, message.data).finally(() => works.delete(work))
        works.add(work)
      } else {
        await Promise.race([ring, pause(pollMs, signal)])
      }
    } catch (error) {
      log.error({ err: error, task: task.name }, 'cannot take up tasks')
      await pause(pauseMs, signal)
    }
  }
  await Promise.all(works)
}

/** Never rejects. */
async function answer<Deps extends { signal: AbortSignal }>(
  { name, payload, run }: AnyQueuedTask<Deps>,
  deps: Deps & { log: Log },
  data: unknown,
): Promise<void> {
  const { signal, log } = deps
  const parsed = payload.safeParse(data)
  if (!parsed.success) {
    const problem = z.prettifyError(parsed.error)
    log.error({ task: name, problem }, 'dropped a message that is none of its task')
    return
  }
  const startedAt = performance.now()
  try {
    await queuedTask(name, () => run(deps, parsed.data as never))
    log.info({ task: name, ms: Math.round(performance.now() - startedAt) }, 'task')
  } catch (error) {
    if (!signal.aborted) log.error({ err: error, task: name, payload: parsed.data }, 'task failed')
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => {})
}
