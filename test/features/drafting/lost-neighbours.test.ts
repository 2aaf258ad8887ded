import { expect, test, vi } from 'vitest'
import { awaitJob, batch, findJob, inBrand, startJob } from '../../support/drafting.ts'
import { accountOf } from '../../support/facts.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'

async function queued({ database }: TestGateway): Promise<number> {
  const { rows } = await database.admin.query<{ count: number }>(
    'select count(*)::integer as count from queued_documents',
  )
  return rows[0]?.count ?? -1
}

test('texts that were paid for while ZeroDB is away wait in PostgreSQL', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent', ZERODB_TIMEOUT_MS: '200' })
  await using worker = await gateway.startTwin()
  await using _work = await worker.startWorker()
  const tenant = await gateway.newTenant()
  gateway.zerodb.faults.add({ operation: '*', kind: 'reset' })

  const { id } = await startJob(gateway, tenant, batch(30))
  const job = await awaitJob(gateway, tenant, id)

  expect(job).toMatchObject({ status: 'COMPLETED', progress: 30, failedCount: 0, attempts: 1 })
  expect(gateway.llm.calls).toHaveLength(30)
  // Of each its body and its history entry.
  expect(await queued(gateway)).toBe(60)
  const account = await accountOf(gateway, tenant)
  expect(account).toMatchObject({ items: 30, reserved: 0 })

  gateway.zerodb.faults.clear()
  await vi.waitFor(async () => expect(await queued(gateway)).toBe(0), { timeout: 20_000 })
  expect(await accountOf(gateway, tenant)).toEqual(account)
  await expectIntact(gateway)
})

test('ZeroDB going away in the midst of a job costs no text', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent', ZERODB_TIMEOUT_MS: '200' })
  await using _worker = await gateway.startWorker()
  gateway.llm.pace.latencyMs = 50
  const tenant = await gateway.newTenant()
  const { id } = await startJob(gateway, tenant, batch(60))
  await vi.waitUntil(async () => (await findJob(gateway, tenant, id)).progress >= 10)

  gateway.zerodb.faults.add({ operation: '*', kind: 'answerLost' })
  await vi.waitUntil(async () => (await findJob(gateway, tenant, id)).progress >= 40, {
    timeout: 15_000,
  })
  gateway.zerodb.faults.clear()

  expect(await awaitJob(gateway, tenant, id)).toMatchObject({ status: 'COMPLETED', progress: 60 })
  expect(gateway.llm.calls).toHaveLength(60)
  await vi.waitFor(async () => expect(await queued(gateway)).toBe(0), { timeout: 20_000 })
  await expectIntact(gateway)
})

test('a job whose brand is deleted in the midst stops, and keeps to itself what was for it', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' })
  await using _worker = await gateway.startWorker()
  gateway.llm.pace.latencyMs = 1_000
  const tenant = await gateway.newTenant()
  const { id } = await startJob(gateway, tenant, batch(60, inBrand(tenant)))
  await vi.waitUntil(() => gateway.llm.calls.length >= 10, { interval: 5 })

  await gateway.database.admin.query('delete from brands where tenant_id = $1', [tenant.id])
  const job = await awaitJob(gateway, tenant, id)

  expect(job).toMatchObject({ status: 'FAILED', errorCode: 'INTERNAL', progress: 0 })
  expect(job.errorMessage).toContain('There is no such brand')
  // Nothing more is paid for.
  expect(gateway.llm.calls.length).toBeLessThanOrEqual(30)
  expect(job.skippedCount).toBeGreaterThanOrEqual(30)
  expect(await accountOf(gateway, tenant)).toMatchObject({ items: 0, reserved: 0 })
  await expectIntact(gateway)
})
