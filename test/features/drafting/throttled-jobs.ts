import { expect } from 'vitest'
import { awaitJob, batch, startJob } from '../../support/drafting.ts'
import { startGateway } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'

export interface Storm {
  items: number
  /** Calls that are let through first. */
  after: number
  /** Calls that are told to come back. */
  refusals: number
  retryAfterSeconds: number
}

/** Model calls of one tenant at a time (E-153). */
const callsAtOnce = 10

/** Clocks may disagree by a little. */
function isInTime(ms: number, seconds: number): boolean {
  return ms >= seconds * 1_000 - 50
}

/** A job meets a provider that wants no calls: it asks as often as it may, and goes on when it may. */
export async function expectPatience(storm: Storm): Promise<void> {
  const { items, after, refusals, retryAfterSeconds } = storm
  await using gateway = await startGateway()
  await using _worker = await gateway.startWorker()
  const fault = { operation: 'chat', kind: 'status', status: 429 } as const
  gateway.llm.faults.add({ ...fault, after, times: refusals, retryAfterSeconds })
  const tenant = await gateway.newTenant()

  const { id } = await startJob(gateway, tenant, batch(items))
  const job = await awaitJob(gateway, tenant, id, 180_000)

  expect(job).toMatchObject({ status: 'COMPLETED', progress: items, failedCount: 0, attempts: 1 })
  expect(job.items.nodes.every(({ attempts }) => attempts === 1)).toBe(true)
  const { calls } = gateway.llm
  expect(calls).toHaveLength(items + refusals)
  expect(calls.length).toBeLessThanOrEqual(items * 1.5)
  const refusedAt = calls.filter(({ status }) => status === 429).map(({ at }) => Date.parse(at))
  expect(refusedAt).toHaveLength(refusals)
  const pauses = refusedAt.slice(1).map((at, index) => at - (refusedAt[index] ?? at))
  // Those under way when the first was refused; then one at a time, as late as it was asked to be.
  const burst = pauses.findIndex((ms) => isInTime(ms, retryAfterSeconds))
  expect(burst).toBeGreaterThanOrEqual(0)
  expect(burst).toBeLessThan(callsAtOnce)
  expect(pauses.slice(burst).filter((ms) => !isInTime(ms, retryAfterSeconds))).toEqual([])
  await expectIntact(gateway)
}
