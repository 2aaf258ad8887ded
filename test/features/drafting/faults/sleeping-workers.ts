import { setTimeout as delay } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { awaitJob, findJob, type JobFacts, startJob } from '../../../support/drafting.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../../support/gateway.ts'
import { tell } from '../../../support/random.ts'
import { openCrew } from '../../../support/workers.ts'
import { aboutTea, callsAtOnce, callsPerDeath, expectMadeOnce } from './made-once.ts'

export interface SleepOptions {
  sleeps: number
  /** At least; a sleeper does not wake before somebody else has its job. */
  sleepMs: number
}

const itemsPerJob = 20
const wait = { timeout: 30_000, interval: 5 }

/**
 * So many jobs whose workers fall asleep with calls under way, like machines that are suspended, and
 * wake with the answers at hand: by turns while another works on the job, and when that is done.
 */
export async function surviveSleeps({ sleeps, sleepMs }: SleepOptions): Promise<void> {
  await using gateway = await startGateway()
  await using crew = await openCrew(gateway)
  await Promise.all([crew.start(), crew.start()])
  gateway.llm.pace.latencyMs = 1_000
  const tenant = await gateway.newTenant()
  const jobs: JobFacts[] = []
  for (let sleep = 0; sleep < sleeps; sleep++) {
    const { id } = await startJob(gateway, tenant, aboutTea(itemsPerJob))
    const sleeper = await crew.busy()
    await vi.waitUntil(() => sleeper.callsUnderWay() === callsAtOnce, wait)
    sleeper.child.kill('SIGSTOP')
    const isOver = awaitJob(gateway, tenant, id)
    const isTaken = async () => (await findJob(gateway, tenant, id)).attempts > 1
    await Promise.all([delay(sleepMs), sleep % 2 === 0 ? isOver : vi.waitUntil(isTaken, wait)])
    sleeper.child.kill('SIGCONT')
    jobs.push(await isOver)
  }
  // Then also who woke last has tried all that it still wanted to do.
  for (const worker of crew.working()) expect(await worker.stop()).toBe(0)

  const { length: calls } = gateway.llm.calls
  const items = sleeps * itemsPerJob
  const refused = await countRefused(gateway, tenant)
  tell(`sleeping workers: ${sleeps} sleeps, ${calls} calls for ${items} items, ${refused} refused`)
  expect(jobs.map(({ attempts }) => attempts)).toEqual(Array(sleeps).fill(2))
  expect(calls).toBeLessThanOrEqual(items + sleeps * callsPerDeath)
  await expectMadeOnce(gateway, tenant, jobs)
}

/** Writes that came too late: somebody else had their items. */
async function countRefused({ database }: TestGateway, { id }: TestTenant): Promise<number> {
  const { rows } = await database.admin.query<{ count: number }>(
    `select count(*)::integer as count from content_write_intents
     where tenant_id = $1 and state <> 'committed'`,
    [id],
  )
  return rows[0]?.count ?? 0
}
