import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { StartupError } from '../lib/errors.ts'
import type { Log } from '../platform/log.ts'

const program = fileURLToPath(new URL('gateway.ts', import.meta.url))

/**
 * Keeps `count` workers running, each a process of its own, until `stop` aborts and all have ended.
 * One that dies is replaced, at first at once, later after up to 30 seconds. Throws StartupError when
 * one ends before any has ever worked, or does not end well when it is to stop. `envOf` is what the
 * n-th of them is given to know.
 */
export async function keepWorkers(
  count: number,
  envOf: (index: number) => NodeJS.ProcessEnv,
  log: Log,
  stop: AbortSignal,
): Promise<void> {
  const giveUp = new AbortController()
  const crew = { log, stop: AbortSignal.any([stop, giveUp.signal]), hasWorked: false }
  const kept = Array.from({ length: count }, (_, index) =>
    keepWorker(crew, envOf(index)).catch((error: unknown) => giveUp.abort(error)),
  )
  await Promise.all(kept)
  // The first reason; others may have failed because of it.
  giveUp.signal.throwIfAborted()
}

interface Crew {
  log: Log
  stop: AbortSignal
  hasWorked: boolean
}

/** Who has worked for so long before it died did not die of its beginning. */
const soundMs = 60_000
const firstPauseMs = 100
const longestPauseMs = 30_000

async function keepWorker(crew: Crew, env: NodeJS.ProcessEnv): Promise<void> {
  const { log, stop } = crew
  let pauseMs = firstPauseMs
  while (!stop.aborted) {
    const startedAt = Date.now()
    const { pid, code, signal } = await runWorker(crew, env)
    const ending = `Worker ${pid} ended with ${signal ?? `exit status ${code}`}`
    if (stop.aborted) {
      // One that was still starting ends by the signal itself.
      if (code === 0 || signal === 'SIGTERM') return
      throw new StartupError([`${ending} when it was to stop.`])
    }
    if (!crew.hasWorked) throw new StartupError([`${ending} before it worked.`], code ?? 1)
    log.error({ worker: pid, code, signal, pauseMs }, 'a worker died')
    await wait(pauseMs, undefined, { signal: stop }).catch(() => {})
    const isSound = Date.now() - startedAt > soundMs
    pauseMs = isSound ? firstPauseMs : Math.min(pauseMs * 2, longestPauseMs)
  }
}

async function runWorker(crew: Crew, env: NodeJS.ProcessEnv) {
  const { stop } = crew
  const child = fork(program, ['work'], { env })
  const end = () => child.kill('SIGTERM')
  stop.addEventListener('abort', end)
  child.once('message', () => (crew.hasWorked = true))
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return { pid: child.pid, code, signal }
  } finally {
    stop.removeEventListener('abort', end)
  }
}
