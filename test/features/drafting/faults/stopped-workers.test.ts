import { expect, test, vi } from 'vitest'
import { awaitJob, findJob, startJob } from '../../../support/drafting.ts'
import { startGateway, type TestGateway } from '../../../support/gateway.ts'
import { openCrew } from '../../../support/workers.ts'
import { aboutTea, callsAtOnce, expectMadeOnce } from './made-once.ts'

const timeout = 60_000
const wait = { timeout: 10_000, interval: 5 }

test(
  'a worker that is told to stop ends its calls and hands over the rest',
  { timeout },
  async () => {
    await using gateway = await startGateway()
    await using crew = await openCrew(gateway)
    const [one, other] = await Promise.all([crew.start(), crew.start()])
    gateway.llm.pace.latencyMs = 500
    const tenant = await gateway.newTenant()
    const { id } = await startJob(gateway, tenant, aboutTea(40))
    const stopped = await crew.busy()
    await vi.waitUntil(() => stopped.callsUnderWay() > callsAtOnce / 2, wait)

    expect(await stopped.stop()).toBe(0)

    const successor = stopped === one ? other : one
    await vi.waitUntil(() => successor.callsUnderWay() > 0, wait)
    const job = await awaitJob(gateway, tenant, id)
    expect(job.attempts).toBe(2)
    expect(gateway.llm.calls).toHaveLength(40)
    await expectMadeOnce(gateway, tenant, [job])
  },
)

test(
  'calls that do not end in time are left to another worker, which need not wait for a lease',
  { timeout },
  async () => {
    await using gateway = await startGateway()
    await using crew = await openCrew(gateway)
    const stopped = await crew.start()
    gateway.llm.faults.add({ operation: 'chat', kind: 'hang', times: callsAtOnce })
    const tenant = await gateway.newTenant()
    const { id } = await startJob(gateway, tenant, aboutTea(20))
    await vi.waitUntil(() => stopped.callsUnderWay() === callsAtOnce, wait)

    expect(await stopped.stop()).toBe(0)

    expect(await leasesOf(gateway)).toEqual({ jobs: 0, items: 0 })
    expect(await findJob(gateway, tenant, id)).toMatchObject({ status: 'RUNNING', progress: 0 })
    await crew.start()
    const job = await awaitJob(gateway, tenant, id)
    expect(job.attempts).toBe(2)
    expect(gateway.llm.calls).toHaveLength(callsAtOnce + 20)
    await expectMadeOnce(gateway, tenant, [job])
  },
)

/** Jobs and items that workers hold. */
async function leasesOf({ database }: TestGateway) {
  const { rows } = await database.admin.query<{ jobs: number; items: number }>(
    `select
       (select count(*) from content_generation_jobs where lease_expires_at > now())::integer as jobs,
       (select count(*) from generation_items where lease_expires_at > now())::integer as items`,
  )
  return rows[0]
}
