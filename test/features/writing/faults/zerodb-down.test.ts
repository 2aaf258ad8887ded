import { expect, test, vi } from 'vitest'
import { startGateway, type TestGateway, type TestTenant } from '../../../support/gateway.ts'
import { expectIntact } from '../../../support/integrity.ts'
import { startBehindProxy } from '../../../support/proxied.ts'
import { tell } from '../../../support/random.ts'
import { createOne, draft } from '../../../support/writes.ts'

const away = { code: 'STORAGE_UNAVAILABLE', store: 'ZERODB' }

async function writeTimed(gateway: TestGateway, tenant: TestTenant) {
  const startedAt = performance.now()
  const answer = await createOne(gateway, tenant, draft())
  return { answer, ms: performance.now() - startedAt }
}

/** The breaker lets a probe through each second, and a neighbour that is back has to earn trust. */
const back = { timeout: 10_000 }

test('while ZeroDB is down writes are refused at once; once it is back they succeed', async () => {
  await using gateway = await startGateway()
  await using behind = await startBehindProxy(gateway, 'zerodb')
  const { proxy, twin } = behind
  const tenant = await twin.newTenant()
  proxy.faults = { refuse: true }
  proxy.resetAll()
  const { zerodb: client } = twin.services
  await vi.waitUntil(async () => {
    expect((await writeTimed(twin, tenant)).answer).toMatchObject(away)
    return client.health().state === 'open'
  })

  const refused: number[] = []
  while (client.health().state === 'open' && refused.length < 20) {
    const { answer, ms } = await writeTimed(twin, tenant)
    expect(answer).toMatchObject(away)
    refused.push(Math.round(ms))
  }
  proxy.faults = {}

  tell(`ZeroDB down: refused in ${refused.toSorted((a, b) => a - b).join(', ')} ms`)
  await vi.waitFor(async () => {
    const { answer } = await writeTimed(twin, tenant)
    expect(answer.__typename).toBe('ContentSuccess')
  }, back)
  await expectIntact(gateway)
})

test('while ZeroDB is full writes are refused and cost nothing; once it has room they succeed', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'status', status: 507 })

  const refused = await createOne(gateway, tenant, draft())
  const { rows } = await gateway.database.admin.query(
    `select total_storage_bytes::integer as used, reserved_bytes::integer as reserved,
       total_content_items::integer as items
     from content_storage_usage where tenant_id = $1`,
    [tenant.id],
  )
  gateway.zerodb.faults.clear()

  expect(refused).toMatchObject(away)
  expect(rows).toEqual([{ used: 0, reserved: 0, items: 0 }])
  await vi.waitFor(async () => {
    const { __typename } = await createOne(gateway, tenant, draft())
    expect(__typename).toBe('ContentSuccess')
  }, back)
  await expectIntact(gateway)
})
