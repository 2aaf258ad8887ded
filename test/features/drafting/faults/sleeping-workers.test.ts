import { expect, test, vi } from 'vitest'
import { awaitJob, startJob } from '../../../support/drafting.ts'
import { startGateway } from '../../../support/gateway.ts'
import { openCrew } from '../../../support/workers.ts'
import { aboutTea, callsAtOnce, expectMadeOnce } from './made-once.ts'
import { surviveSleeps } from './sleeping-workers.ts'

test('a worker that sleeps over its lease does nothing twice', { timeout: 60_000 }, () =>
  surviveSleeps({ sleeps: 2, sleepMs: 0 }),
)

test('a worker that sleeps over its lease ends nothing either', { timeout: 60_000 }, async () => {
  await using gateway = await startGateway()
  await using crew = await openCrew(gateway)
  const sleeper = await crew.start()
  const target = { operation: 'chat', times: callsAtOnce } as const
  gateway.llm.faults.add(
    { ...target, kind: 'latency', ms: 3_000 },
    { ...target, kind: 'status', status: 401 },
  )
  const tenant = await gateway.newTenant()
  const { id } = await startJob(gateway, tenant, aboutTea(60))
  await vi.waitUntil(() => sleeper.callsUnderWay() === callsAtOnce, { timeout: 10_000 })
  sleeper.child.kill('SIGSTOP')
  gateway.llm.pace.latencyMs = 500
  const successor = await crew.start()
  await vi.waitUntil(() => successor.callsUnderWay() > 0, { timeout: 20_000, interval: 5 })

  sleeper.child.kill('SIGCONT')
  const job = await awaitJob(gateway, tenant, id)

  expect(job.attempts).toBe(2)
  await expectMadeOnce(gateway, tenant, [job])
})
