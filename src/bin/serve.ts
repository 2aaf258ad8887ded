import type { Command } from 'commander'
import { once } from 'node:events'
import { noteStoresTask } from '../features/operations/note-stores.task.ts'
import { repeatTasks } from '../platform/tasks.ts'
import { prepareStores } from './prepare-stores.ts'
import { openEnvironment, stopSignal } from './environment.ts'
import { listen, listenForMetrics } from './listen.ts'

export function addServe(program: Command): void {
  program.command('serve').description('serve the API on HOST and PORT').action(serve)
}

async function serve(): Promise<void> {
  const stop = stopSignal()
  await using environment = await openEnvironment()
  const { services } = environment
  await using _metrics = await listenForMetrics(services, stop)
  await prepareStores(services, stop)
  await using server = await listen({ services, stop })
  await using _notes = repeatTasks([noteStoresTask], services)
  services.log.info({ url: server.url }, 'listening')
  if (!stop.aborted) await once(stop, 'abort')
}
