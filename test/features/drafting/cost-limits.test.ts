import { expect, test } from 'vitest'
import { awaitJob, batch, findJob, type JobFacts, startJob } from '../../support/drafting.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { countedThisMonth, statesOf } from '../../support/generation.ts'
import { expectIntact } from '../../support/integrity.ts'

/** Of posts about the same: each costs as much as every other. */
async function write(
  gateway: TestGateway,
  tenant: TestTenant,
  count: number,
  maxCostUsd: string | null = null,
): Promise<JobFacts> {
  const { params } = batch(count)
  const input = batch(count, { maxCostUsd, params: { ...params, topics: ['tea'] } })
  const { id } = await startJob(gateway, tenant, input)
  await awaitJob(gateway, tenant, id)
  return findJob(gateway, tenant, id)
}

/** So many of a kind make the tenant's own prices the estimate. */
const enoughItems = 20

/** Writes so many that the next are expected to cost what they do; answers what that is. */
async function learnPrice(gateway: TestGateway, tenant: TestTenant): Promise<number> {
  const { status, items } = await write(gateway, tenant, enoughItems)
  expect(status).toBe('COMPLETED')
  const costs = new Set(items.nodes.map(({ costUsd }) => costUsd))
  expect(costs.size).toBe(1)
  return Number([...costs][0])
}

const usd = (amount: number) => amount.toFixed(6)

test('a job makes what its limit pays for, and nothing beyond', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  const tenant = await gateway.newTenant()
  const price = await learnPrice(gateway, tenant)

  const job = await write(gateway, tenant, 40, usd(price * 17.5))

  expect(job).toMatchObject({
    status: 'FAILED',
    errorCode: 'COST_LIMIT_REACHED',
    progress: 17,
    failedCount: 0,
    skippedCount: 23,
    totalCostUsd: usd(price * 17),
  })
  expect(await statesOf(gateway, job.id)).toEqual({ stored: 17, skipped: 23 })
  expect(gateway.llm.calls).toHaveLength(enoughItems + 17)
  expect(await countedThisMonth(gateway, tenant)).toBe(enoughItems + 17)
  await expectIntact(gateway)
})

test('a limit that pays for all items exactly stops nothing', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  const tenant = await gateway.newTenant()
  const price = await learnPrice(gateway, tenant)

  const job = await write(gateway, tenant, 12, usd(price * 12))

  expect(job).toMatchObject({ status: 'COMPLETED', progress: 12, totalCostUsd: usd(price * 12) })
})

test('useless answers count against the limit, and are not asked for again beyond it', async () => {
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  const tenant = await gateway.newTenant()
  const price = await learnPrice(gateway, tenant)
  gateway.llm.calls.length = 0
  gateway.llm.faults.add({ operation: 'chat', kind: 'wrongDraft', as: 'otherShape' })

  const max = price * 4.5
  const job = await write(gateway, tenant, 10, usd(max))

  expect(job).toMatchObject({ status: 'FAILED', progress: 0 })
  expect(Number(job.totalCostUsd)).toBeGreaterThan(0)
  expect(Number(job.totalCostUsd)).toBeLessThanOrEqual(max)
  expect(job.errorCode).toBe('COST_LIMIT_REACHED')
  expect(gateway.llm.calls.length).toBeLessThanOrEqual(5)
  expect(job.failedCount + job.skippedCount).toBe(10)
  await expectIntact(gateway)
})
