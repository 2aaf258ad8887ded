import { expect, test, vi } from 'vitest'
import { awaitJob, findJob, startJob } from '../../../support/drafting.ts'
import { startGateway } from '../../../support/gateway.ts'
import { openCrew } from '../../../support/workers.ts'
import { aboutTea, expectMadeOnce } from './made-once.ts'

const clock = new URL('../../../support/jumping-clock.ts', import.meta.url)
const wait = { timeout: 10_000, interval: 20 }

test(
  'nothing is taken up twice when the clock of a worker jumps an hour ahead and back',
  { timeout: 60_000 },
  async () => {
    await using gateway = await startGateway()
    await using crew = await openCrew(gateway)
    gateway.llm.pace.latencyMs = 400
    const [tenant, stranger] = [await gateway.newTenant(), await gateway.newTenant()]
    const jumper = await crew.start({ NODE_OPTIONS: `--import=${clock.href}` })
    const own = await startJob(gateway, tenant, aboutTea(100))
    await crew.busy()
    const neighbour = await crew.start()
    // So that each of the two has a job of its own.
    jumper.child.kill('SIGSTOP')
    const foreign = await startJob(gateway, stranger, aboutTea(100))
    await vi.waitUntil(() => neighbour.callsUnderWay() > 0, wait)
    jumper.child.kill('SIGCONT')

    for (const progress of [20, 40, 60]) {
      await vi.waitUntil(
        async () => (await findJob(gateway, tenant, own.id)).progress >= progress,
        wait,
      )
      jumper.child.kill('SIGUSR2')
    }
    const jobs = [
      await awaitJob(gateway, tenant, own.id),
      await awaitJob(gateway, stranger, foreign.id),
    ] as const

    expect(jobs.map(({ attempts }) => attempts)).toEqual([1, 1])
    expect(gateway.llm.calls).toHaveLength(200)
    await expectMadeOnce(gateway, tenant, [jobs[0]])
    await expectMadeOnce(gateway, stranger, [jobs[1]])
  },
)
