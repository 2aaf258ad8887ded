import { setTimeout as delay } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { startGateway, type TestGateway, type TestTenant } from '../../../support/gateway.ts'
import { expectIntact, expireLeases } from '../../../support/integrity.ts'
import { openOwnPostgres } from '../../../support/own-postgres.ts'
import { chooseSeed, tell } from '../../../support/random.ts'
import { Workload } from '../../../support/workload.ts'
import { createOne, draft } from '../../../support/writes.ts'

/** More than there are connections, so that every moment finds some of them committing. */
const clients = 24
/** The API answers again so soon after PostgreSQL does. */
const backMs = 3_000

/** PostgreSQL is ended without warning and started again so many times, while clients write. */
export async function survivePostgresRestarts(restarts: number): Promise<void> {
  const seed = chooseSeed()
  await using stores = await startGateway()
  await using own = await openOwnPostgres()
  await using gateway = await own.startGateway(stores)
  const [tenant, prober] = [await gateway.newTenant(), await gateway.newTenant()]
  const stop = new AbortController()
  using workload = new Workload({ api: gateway, tenant, seed, admin: own.admin })
  const backAfter: number[] = []
  const restartUnderLoad = async () => {
    for (let restart = 0; restart < restarts; restart++) {
      const before = workload.succeeded
      await vi.waitUntil(() => workload.succeeded > before + 2 * clients, { timeout: 10_000 })
      await delay(100 * Math.random())
      await own.restart()
      backAfter.push(await untilItWrites(gateway, prober))
    }
    stop.abort()
  }
  await Promise.all([workload.runUntil(stop.signal, clients), restartUnderLoad()])

  const { attempts } = workload
  tell(`PostgreSQL restarts: ${workload.tally()}; back after ${backAfter.join(', ')} ms`)
  expect(attempts.filter(({ outcome }) => outcome === 'SERVICE_UNAVAILABLE')).not.toEqual([])
  await workload.expectExactly(own.admin)
  await expireLeases(gateway)
  await gateway.sweep()
  await expectIntact(gateway)
}

/** How long it takes until a write succeeds. */
async function untilItWrites(gateway: TestGateway, tenant: TestTenant): Promise<number> {
  const startedAt = performance.now()
  const write = async () => {
    const { __typename } = await createOne(gateway, tenant, draft())
    expect(__typename).toBe('ContentSuccess')
  }
  await vi.waitFor(write, { timeout: backMs, interval: 20 })
  return Math.round(performance.now() - startedAt)
}
