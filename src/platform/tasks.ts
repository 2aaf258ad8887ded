import { setTimeout as wait } from 'node:timers/promises'
import type { Log } from './log.ts'

/** Background work that finds its own jobs in the database; running it twice is safe. */
export interface Task<Deps> {
  name: string
  /** From the end of one run to the start of the next. */
  everyMs: number
  run: (deps: Deps) => Promise<void>
}

export function defineTask<Deps>(task: Task<Deps>): Task<Deps> {
  return task
}

/** Runs every task in turn until disposed; a run that fails is logged and tried again. */
export function startTasks<Deps extends { signal: AbortSignal }>(
  tasks: readonly Task<Deps>[],
  deps: Omit<Deps, 'signal'> & { log: Log },
): AsyncDisposable {
  const stop = new AbortController()
  const { signal } = stop
  const loops = tasks.map(async (task) => {
    while (!signal.aborted) {
      await task.run({ ...deps, signal } as unknown as Deps).catch((error: unknown) => {
        if (!signal.aborted) deps.log.error({ err: error, task: task.name }, 'task failed')
      })
      await wait(task.everyMs, undefined, { signal, ref: false }).catch(() => {})
    }
  })
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await Promise.all(loops)
    },
  }
}
