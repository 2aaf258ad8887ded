import { expect, test } from 'vitest'
import { newId } from '../../../src/lib/id.ts'
import { batch, findJob, startJob, workOn } from '../../support/drafting.ts'
import { accountOf } from '../../support/facts.ts'
import { startGateway } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'

test('of five workers that hear the same bell one does the work', async () => {
  await using gateway = await startGateway()
  await using opened = new AsyncDisposableStack()
  const instances = [gateway]
  for (let n = 1; n < 5; n++) instances.push(opened.use(await gateway.startTwin()))
  gateway.llm.pace.latencyMs = 100
  const tenant = await gateway.newTenant()
  const { id, databaseId } = await startJob(gateway, tenant, batch(20))
  const bell = { tenantId: tenant.id, jobId: databaseId }

  await Promise.all(instances.map((instance) => workOn(instance, bell)))

  const job = await findJob(gateway, tenant, id)
  expect(job).toMatchObject({ status: 'COMPLETED', progress: 20, attempts: 1 })
  expect(job.items.nodes.map(({ attempts }) => attempts)).toEqual(Array(20).fill(1))
  expect(gateway.llm.calls).toHaveLength(20)

  // Nor does one that comes too late.
  await workOn(gateway, bell)
  expect(await findJob(gateway, tenant, id)).toEqual(job)
  expect(gateway.llm.calls).toHaveLength(20)
  expect(await accountOf(gateway, tenant)).toMatchObject({ items: 20, reserved: 0 })
  await expectIntact(gateway)
})

test('a bell for a job of another tenant, or of nobody, is not believed', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const stranger = await gateway.newTenant()
  const { id, databaseId } = await startJob(gateway, tenant, batch(2))

  await workOn(gateway, { tenantId: stranger.id, jobId: databaseId })
  await workOn(gateway, { tenantId: tenant.id, jobId: newId() })
  await workOn(gateway, { tenantId: newId(), jobId: databaseId })

  expect(await findJob(gateway, tenant, id)).toMatchObject({ status: 'PENDING', attempts: 0 })
  expect(gateway.llm.calls).toHaveLength(0)
})
