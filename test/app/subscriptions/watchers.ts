import { setTimeout as delay } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { mapLimit } from '../../../src/lib/map-limit.ts'
import { openIssuer } from '../../../src/local/issuer.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { completed, moveJob, type PlantedJob, plantJob } from '../../support/jobs.ts'
import { cutListeners, socketClient, subscribe } from '../../support/live.ts'
import {
  freePort,
  isReady,
  runProgram,
  storesOf,
  temporaryDirectory,
} from '../../support/program.ts'
import { tell } from '../../support/random.ts'

export interface WatchOptions {
  tenants: number
  jobsPerTenant: number
  watchersPerJob: number
  /** Changes of each job before its end. */
  steps: number
  /** How often the connections that listen are cut meanwhile. */
  cuts: number
}

interface Instance {
  url: string
  tokenOf: (tenant: TestTenant) => string | Promise<string>
}

interface Watched {
  generationJob: { sequence: string; resumeToken: string; kind: string }
}

const jobWatched = `subscription ($id: ID!, $after: String) {
  generationJob(id: $id, after: $after) { sequence resumeToken kind job { status } }
}`

/** Watches a job to its end, at another instance whenever one breaks off. */
async function watchToTheEnd(
  instances: readonly Instance[],
  tenant: TestTenant,
  { id }: PlantedJob,
  first: number,
): Promise<Watched['generationJob'][]> {
  const seen: Watched['generationJob'][] = []
  for (let turn = first; ; turn++) {
    const instance = instances[turn % instances.length] as Instance
    using client = socketClient(instance.url, await instance.tokenOf(tenant))
    const watcher = subscribe<Watched>(client, jobWatched, { id, after: seen.at(-1)?.resumeToken })
    const isOver = () => watcher.completed || watcher.failure !== undefined
    await vi.waitUntil(isOver, { timeout: 600_000, interval: 20 })
    seen.push(...watcher.data.map(({ generationJob }) => generationJob))
    if (watcher.completed) return seen
    await delay(50)
  }
}

/** Every watcher of every job sees how it ends, though one of two instances is killed on the way. */
export async function seeEveryEnd(options: WatchOptions): Promise<void> {
  const { tenants, jobsPerTenant, watchersPerJob, steps, cuts } = options
  await using gateway = await startGateway()
  await using other = await startAnother(gateway)
  const instances: Instance[] = [
    { url: gateway.url, tokenOf: ({ tokens }) => tokens.owner },
    other.instance,
  ]
  const jobs: { tenant: TestTenant; job: PlantedJob }[] = []
  for (let count = 0; count < tenants; count++) {
    const tenant = await gateway.newTenant({ name: `Tenant ${count}` })
    for (let job = 0; job < jobsPerTenant; job++) {
      jobs.push({ tenant, job: await plantJob(gateway, tenant) })
    }
  }
  const watchers = jobs.flatMap(({ tenant, job }) =>
    Array.from({ length: watchersPerJob }, (_, index) =>
      watchToTheEnd(instances, tenant, job, index),
    ),
  )
  const cutAll = async () => {
    for (let cut = 0; cut < cuts; cut++) {
      await vi.waitUntil(async () => (await cutListeners(gateway)) > 0, { timeout: 10_000 })
      if (cut === Math.floor(cuts / 2)) await other.kill()
    }
  }
  await Promise.all([
    cutAll(),
    mapLimit(jobs, 8, async ({ job }) => {
      await moveJob(gateway, job, `status = 'running', started_at = now()`)
      for (let step = 0; step < steps; step++) {
        await delay(Math.random() * 100)
        await moveJob(gateway, job, 'progress = progress + 1')
      }
    }),
  ])
  await mapLimit(jobs, 8, ({ job }) => moveJob(gateway, job, completed))
  const endedAt = performance.now()
  const seen = await Promise.all(watchers)
  const ms = Math.round(performance.now() - endedAt)
  for (const events of seen) {
    expect(events.map(({ kind }) => kind).filter((kind) => kind === 'COMPLETED')).toHaveLength(1)
    expect(events.at(-1)?.kind).toBe('COMPLETED')
    const numbers = events.map(({ sequence }) => Number(sequence))
    expect(
      numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0)),
    ).toBe(true)
  }
  const events = seen.reduce((sum, { length }) => sum + length, 0)
  tell(
    `watchers: ${seen.length} saw the end of ${jobs.length} jobs in ${events} events, the last ${ms} ms after it`,
  )
}

/** A second instance, as a program that can be killed. */
async function startAnother(gateway: TestGateway) {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await temporaryDirectory())
  const port = await freePort()
  const server = opened.use(
    runProgram(['serve'], {
      ...storesOf(gateway),
      DATA_DIR: directory.path,
      PORT: String(port),
    }),
  )
  const issuer = await openIssuer(directory.path)
  await vi
    .waitUntil(() => isReady(port), { timeout: 20_000, interval: 50 })
    .catch((error) => {
      throw new Error(`The server does not start: ${server.output()}`, { cause: error })
    })
  const tokenOf = ({ id: tenantId }: TestTenant) =>
    issuer.sign({ subject: 'owner@test', tenantId, audience: 'content-gateway' })
  const owned = opened.move()
  return {
    instance: { url: `http://127.0.0.1:${port}/graphql`, tokenOf },
    async kill() {
      server.child.kill('SIGKILL')
      await server.exited
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
