import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createTestContents } from '../../support/contents.ts'
import { startGateway } from '../../support/gateway.ts'
import { startOpenLoop } from '../../support/open-loop.ts'
import { tell } from '../../support/random.ts'
import { startServing } from '../../support/serving.ts'

const page = JSON.stringify({
  query: `{ contents(first: 100) {
    nodes { id title type status createdAt updatedAt tags preview body { raw } }
    pageInfo { hasNextPage endCursor }
  } }`,
})

test('at five times what it can do it does nearly as much as it can, and refuses the rest at once', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 100)
  await using serving = await startServing(gateway)
  await using load = await startOpenLoop()
  const flow = { name: 'all', token: await serving.tokenOf(tenant), body: page }
  const press = async (rate: { perSecond?: number; atOnce?: number }, durationMs: number) => {
    const { url } = serving
    const { all } = await load.run({ url, flows: [{ ...flow, ...rate }], durationMs })
    if (!all) throw new Error('no result')
    return all
  }
  await press({ atOnce: 16 }, 5_000)
  const before = await press({ atOnce: 16 }, 5_000)
  await serving.loopDelayMs()

  // Until then there are ever more connections: each client has one of its own.
  const settled = delay(20_000).then(serving.residentMb)
  const over = await press({ perSecond: 5 * before.perSecond }, 60_000)

  const loopMs = await serving.loopDelayMs()
  const grownMb = (await serving.residentMb()) - (await settled)
  const after = await press({ atOnce: 16 }, 5_000)
  tell(JSON.stringify({ before, over, after, loopMs, grownMb }, undefined, 1))
  expect(over.failures).toEqual({})
  expect(over.perSecond).toBeGreaterThan(0.8 * Math.min(before.perSecond, after.perSecond))
  expect(over.refusedMs.p99).toBeLessThan(50)
  expect(loopMs).toBeLessThan(100)
  expect(grownMb).toBeLessThan(64)
}, 300_000)
