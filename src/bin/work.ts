import { type Command, InvalidArgumentError } from 'commander'
import { once } from 'node:events'
import { tasks } from '../app/tasks.ts'
import { loadConfig } from '../platform/config.ts'
import { createLog } from '../platform/log.ts'
import { startTasks } from '../platform/tasks.ts'
import { openEnvironment, stopSignal } from './environment.ts'
import { listenForMetrics } from './listen.ts'
import { keepWorkers } from './keep-workers.ts'

export function addWork(program: Command): void {
  program
    .command('work')
    .description('run background tasks until stopped')
    .option('--workers <number>', 'so many processes, each replaced when it dies', toCount, 1)
    .addHelpText('after', '\nStopped by SIGTERM or SIGINT; tasks then have 20 seconds to let go.')
    .action(({ workers }: { workers: number }) => (workers === 1 ? work() : workMany(workers)))
}

function toCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= 64) return count
  throw new InvalidArgumentError('A number from 1 to 64.')
}

async function workMany(workers: number): Promise<void> {
  const { LOG_LEVEL, METRICS_PORT } = loadConfig(process.env)
  const envOf = (index: number) => ({
    ...process.env,
    ...(METRICS_PORT !== undefined && { METRICS_PORT: String(METRICS_PORT + index) }),
  })
  await keepWorkers(workers, envOf, createLog(LOG_LEVEL), stopSignal())
}

async function work(): Promise<void> {
  const stop = AbortSignal.any([stopSignal(), orphaned()])
  stop.addEventListener('abort', endAtTheLatest)
  await using environment = await openEnvironment()
  await using _metrics = await listenForMetrics(environment.services, stop)
  await using _tasks = await startTasks(tasks, environment.services)
  const names = [...tasks.periodic, ...tasks.queued].map(({ name }) => name)
  environment.services.log.info({ pid: process.pid, tasks: names }, 'working')
  process.send?.('working')
  if (!stop.aborted) await once(stop, 'abort')
}

/** Aborts when whoever keeps this worker is gone: nobody would stop it then. */
function orphaned(): AbortSignal {
  const gone = new AbortController()
  process.once('disconnect', () => gone.abort())
  process.channel?.unref()
  return gone.signal
}

/** A task that does not let go keeps sockets open. Its leases run out, and somebody else goes on. */
function endAtTheLatest(): void {
  setTimeout(() => process.exit(), 25_000).unref()
}
