import type { Command } from 'commander'
import { once } from 'node:events'
import { tasks } from '../app/tasks.ts'
import { startTasks } from '../platform/tasks.ts'
import { openEnvironment, stopSignal } from './environment.ts'

export function addWork(program: Command): void {
  program.command('work').description('run background tasks until stopped').action(work)
}

async function work(): Promise<void> {
  const stop = stopSignal()
  await using environment = await openEnvironment()
  await using _tasks = startTasks(tasks, environment.services)
  environment.services.log.info({ tasks: tasks.map(({ name }) => name) }, 'working')
  if (!stop.aborted) await once(stop, 'abort')
}
