import type { Command } from 'commander'
import { once } from 'node:events'
import { tasks } from '../app/tasks.ts'
import { migrate } from '../platform/postgres/migrate.ts'
import { startTasks } from '../platform/tasks.ts'
import { ensureDemoContents } from './demo-contents.ts'
import { ensureDemoMetrics } from './demo-metrics.ts'
import { prepareStores } from './prepare-stores.ts'
import { demoTenant } from './demo-tenant.ts'
import { openEnvironment, stopSignal } from './environment.ts'
import { listen, listenForMetrics } from './listen.ts'

export function addStart(program: Command): void {
  program
    .command('start')
    .description('everything in one process: migrate, demo data, API, GraphiQL and worker')
    .action(start)
}

async function start(): Promise<void> {
  const stop = stopSignal()
  await using environment = await openEnvironment()
  const { config, neighbours, services } = environment
  if (neighbours.ownerUrl !== undefined) await migrate(neighbours.ownerUrl)
  await prepareStores(services, stop)
  const owner = demoTenant.claims('owner', config.AUTH_AUDIENCE)
  const token = config.production ? undefined : await neighbours.localIssuer?.sign(owner)
  if (token !== undefined) {
    await demoTenant.ensure(services.database)
    await ensureDemoContents(services, owner, stop)
    // Made-up numbers belong in nobody's warehouse.
    if (neighbours.standIns?.includes('bigquery')) {
      await ensureDemoMetrics(services, owner.tenantId, stop)
    }
  }
  await using metrics = await listenForMetrics(services, stop)
  await using server = await listen({ services, stop, ...(token && { explorerToken: token }) })
  await using _tasks = await startTasks(tasks, services)
  process.stdout.write(welcome(server.url, token, metrics?.url))
  if (!stop.aborted) await once(stop, 'abort')
}

function welcome(url: string, token: string | undefined, metricsUrl: string | undefined): string {
  const lines = [`The content gateway is ready at ${url}/graphql`]
  if (token !== undefined) lines.push(`GraphiQL: ${url}/`, `Token of the demo owner: ${token}`)
  if (metricsUrl !== undefined) lines.push(`Metrics: ${metricsUrl}`)
  return `${lines.join('\n')}\n`
}
