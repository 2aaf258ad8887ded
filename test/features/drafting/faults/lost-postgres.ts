import { setTimeout as delay } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { awaitJob, findJob, type JobFacts, startJob } from '../../../support/drafting.ts'
import { startGateway, type TestGateway } from '../../../support/gateway.ts'
import { openOwnPostgres } from '../../../support/own-postgres.ts'
import { tell } from '../../../support/random.ts'
import { startTcpProxy } from '../../../support/tcp-proxy.ts'
import { type Crew, openCrew } from '../../../support/workers.ts'
import { aboutTea, callsAtOnce, expectMadeOnce } from './made-once.ts'

/** A job goes on so soon after PostgreSQL can be reached again. */
const backMs = 15_000

interface Loss {
  items: number
  times: number
}

/** PostgreSQL is ended without warning and started again so many times in the midst of a job. */
export async function surviveRestarts(loss: Loss): Promise<void> {
  await using stores = await startGateway()
  await using own = await openOwnPostgres()
  await using gateway = await own.startGateway(stores)
  await using crew = await openCrew(gateway)
  await Promise.all([crew.start(), crew.start()])
  await lose(gateway, crew, loss, () => own.restart())
}

/** The network between the workers and PostgreSQL swallows everything for so long each time. */
export async function surviveCuts(loss: Loss, cutMs: number): Promise<void> {
  await using gateway = await startGateway()
  const url = new URL(gateway.neighbours.databaseUrl)
  await using proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) })
  url.host = `127.0.0.1:${proxy.port}`
  await using crew = await openCrew(gateway)
  const env = { DATABASE_URL: url.href }
  await Promise.all([crew.start(env), crew.start(env)])
  await lose(gateway, crew, loss, async () => {
    proxy.faults = { up: { blackhole: true }, down: { blackhole: true } }
    await delay(cutMs)
    proxy.faults = {}
  })
}

/** `interrupt` resolves when PostgreSQL is back. */
async function lose(
  gateway: TestGateway,
  crew: Crew,
  { items, times }: Loss,
  interrupt: () => Promise<void>,
): Promise<void> {
  gateway.llm.pace.latencyMs = 200
  const tenant = await gateway.newTenant()
  const { id } = await startJob(gateway, tenant, aboutTea(items))
  const find = () => findJob(gateway, tenant, id)
  const backAfter: number[] = []
  for (let time = 0; time < times; time++) {
    const { progress } = await untilBeyond(find, time * callsAtOnce)
    await crew.busy()
    await interrupt()
    const startedAt = performance.now()
    await untilBeyond(find, progress + callsAtOnce)
    backAfter.push(Math.round(performance.now() - startedAt))
  }
  const job = await awaitJob(gateway, tenant, id, 120_000)

  const { length: calls } = gateway.llm.calls
  tell(
    `lost PostgreSQL: ${times} times, ${calls} calls for ${items} items in ${job.attempts} turns; back after ${backAfter.join(', ')} ms`,
  )
  expect(crew.working()).toHaveLength(2)
  expect(calls).toBeLessThanOrEqual(items + times * callsAtOnce)
  await expectMadeOnce(gateway, tenant, [job])
}

/** The job once more of its items are made, whether the API answers in the meantime or not. */
function untilBeyond(find: () => Promise<JobFacts>, progress: number): Promise<JobFacts> {
  return vi.waitUntil(
    async () => {
      const job = await find().catch(() => undefined)
      return job && job.progress > progress && job
    },
    { timeout: backMs, interval: 50 },
  )
}
