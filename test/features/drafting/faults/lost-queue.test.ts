import { expect, test, vi } from 'vitest'
import { awaitJob, findJob, startJob } from '../../../support/drafting.ts'
import { startGateway, type TestGateway } from '../../../support/gateway.ts'
import { openCrew } from '../../../support/workers.ts'
import { aboutTea, callsPerDeath, expectMadeOnce } from './made-once.ts'

const timeout = 60_000
const wait = { timeout: 10_000, interval: 50 }

test('a job that nobody heard of before the queue was lost is taken up', { timeout }, async () => {
  await using gateway = await startGateway()
  await using crew = await openCrew(gateway)
  const tenant = await gateway.newTenant()
  const { id } = await startJob(gateway, tenant, aboutTea(30))
  await loseQueue(gateway)
  await crew.start()

  const job = await awaitJob(gateway, tenant, id)

  expect(job.attempts).toBe(1)
  expect(gateway.llm.calls).toHaveLength(30)
  await expectMadeOnce(gateway, tenant, [job])
})

test('a job whose worker dies when the queue is lost is taken up again', { timeout }, async () => {
  await using gateway = await startGateway()
  await using crew = await openCrew(gateway)
  await Promise.all([crew.start(), crew.start()])
  gateway.llm.pace.latencyMs = 500
  const tenant = await gateway.newTenant()
  const { id } = await startJob(gateway, tenant, aboutTea(60))
  await vi.waitUntil(async () => (await findJob(gateway, tenant, id)).progress > 0, wait)
  const worker = await crew.busy()

  await loseQueue(gateway)
  await worker.kill()
  const job = await awaitJob(gateway, tenant, id)

  expect(job.attempts).toBe(2)
  expect(gateway.llm.calls.length).toBeLessThanOrEqual(60 + callsPerDeath)
  // The queue works again, for those who come later.
  const later = await startJob(gateway, tenant, aboutTea(10))
  await expectMadeOnce(gateway, tenant, [job, await awaitJob(gateway, tenant, later.id)])
})

/** All rows of all of its tables, those that tell which queues there are too. */
async function loseQueue({ database: { admin } }: TestGateway): Promise<void> {
  const { rows } = await admin.query<{ tables: string }>(
    `select string_agg(format('%I.%I', schemaname, tablename), ', ') as tables
     from pg_tables where schemaname = 'pgboss'`,
  )
  await admin.query(`truncate ${rows[0]?.tables}`)
}
