import { expect, test, vi } from 'vitest'
import { awaitJob, batch, cancelJob, findJob, startJob } from '../../support/drafting.ts'
import { accountOf } from '../../support/facts.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { countedThisMonth, statesOf } from '../../support/generation.ts'
import { expectIntact } from '../../support/integrity.ts'

const items = 1_000
/** Model calls of one tenant at a time (E-153). */
const callsAtOnce = 10

test(
  'a job that is cancelled in the midst keeps what it has, and asks for no more',
  { timeout: 60_000 },
  async () => {
    await using gateway = await startGateway()
    await using _worker = await gateway.startWorker()
    gateway.llm.pace.latencyMs = 100
    const tenant = await gateway.newTenant()
    const { id } = await startJob(gateway, tenant, batch(items))
    await vi.waitUntil(async () => (await findJob(gateway, tenant, id)).progress > 0.3 * items, {
      timeout: 40_000,
      interval: 50,
    })

    const asked = await Promise.all(
      Array.from({ length: 10 }, () => cancelJob(gateway, tenant, id)),
    )
    const answeredAt = Date.now()
    const before = asked[0]?.job.progress ?? 0

    await vi.waitFor(
      async () => {
        expect(await findJob(gateway, tenant, id)).toMatchObject({ status: 'CANCELLED' })
        expect(await accountOf(gateway, tenant)).toMatchObject({ reserved: 0 })
      },
      { timeout: 5_000 },
    )
    const { progress, ...job } = await findJob(gateway, tenant, id)
    expect(progress).toBeGreaterThanOrEqual(before)
    expect(progress).toBeLessThanOrEqual(before + callsAtOnce)
    expect(job).toMatchObject({
      message: `Job cancelled. ${progress} out of ${items} items were generated before cancellation.`,
      failedCount: 0,
      skippedCount: items - progress,
      errorCode: null,
    })
    expect(await statesOf(gateway, id)).toEqual({ stored: progress, skipped: items - progress })
    expect(await accountOf(gateway, tenant)).toMatchObject({ items: progress })
    expect(await countedThisMonth(gateway, tenant)).toBe(progress)
    const late = gateway.llm.calls.filter(({ at }) => Date.parse(at) > answeredAt + 1_000)
    expect(late).toEqual([])
    const again = await cancelJob(gateway, tenant, id)
    expect(again).toMatchObject({ message: job.message, job: { status: 'CANCELLED', progress } })
    await expectIntact(gateway)
  },
)

test('a job that is cancelled before anybody takes it up is never begun', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { id } = await startJob(gateway, tenant, batch(20))
  const next = await startJob(gateway, tenant, batch(3))

  expect(await cancelJob(gateway, tenant, id)).toMatchObject({ job: { status: 'CANCELLED' } })
  await using _worker = await gateway.startWorker()
  expect(await awaitJob(gateway, tenant, next.id)).toMatchObject({ status: 'COMPLETED' })

  expect(await findJob(gateway, tenant, id)).toMatchObject({ attempts: 0, skippedCount: 20 })
  expect(gateway.llm.calls).toHaveLength(3)
  expect(await countedThisMonth(gateway, tenant)).toBe(3)
})

/** As a worker leaves a job when it dies with five items in hand. */
async function plantDeadWorker({ database }: TestGateway, jobId: string): Promise<void> {
  await database.admin.query(
    `update content_generation_jobs set status = 'running', attempts = 1, started_at = now(),
       lease_expires_at = now() + interval '2 seconds' where id = $1`,
    [jobId],
  )
  await database.admin.query(
    `update generation_items set state = 'running', attempt = 1,
       lease_expires_at = now() + interval '3 seconds' where job_id = $1 and seq < 5`,
    [jobId],
  )
}

test('a job whose worker is dead is cancelled when its lease is over', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const { id, databaseId } = await startJob(gateway, tenant, batch(20))
  await plantDeadWorker(gateway, databaseId)

  expect(await cancelJob(gateway, tenant, id)).toMatchObject({
    job: { status: 'CANCELLING', progress: 0, skippedCount: 15 },
  })
  await using _worker = await gateway.startWorker()
  const job = await awaitJob(gateway, tenant, id)

  expect(job).toMatchObject({
    status: 'CANCELLED',
    skippedCount: 20,
    message: 'Job cancelled. 0 out of 20 items were generated before cancellation.',
  })
  expect(await statesOf(gateway, id)).toEqual({ skipped: 20 })
  expect(gateway.llm.calls).toHaveLength(0)
  expect(await countedThisMonth(gateway, tenant)).toBe(0)
  await expectIntact(gateway)
})

test('a job that waits for its provider is cancelled without waiting any longer', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  gateway.llm.faults.add({ operation: 'chat', kind: 'status', status: 429, retryAfterSeconds: 60 })
  const tenant = await gateway.newTenant()
  const { id } = await startJob(gateway, tenant, batch(20))
  await vi.waitUntil(() => gateway.llm.calls.some(({ status }) => status === 429))

  await cancelJob(gateway, tenant, id)

  expect(await awaitJob(gateway, tenant, id, 5_000)).toMatchObject({
    status: 'CANCELLED',
    progress: 0,
    failedCount: 0,
    skippedCount: 20,
  })
  await expectIntact(gateway)
})
