import { expect, vi } from 'vitest'
import { drainQueue } from '../../../../src/features/writing/drain-queue.ts'
import { startGateway, type TestGateway } from '../../../support/gateway.ts'
import { expectIntact, verify } from '../../../support/integrity.ts'
import { startBehindProxy } from '../../../support/proxied.ts'
import { refOf } from '../../../support/operations.ts'
import { untilDecided } from '../../../support/outcome.ts'
import { tell } from '../../../support/random.ts'
import { createMany, draft, readOne } from '../../../support/writes.ts'

const batchSize = 50

/**
 * So many contents are written while ZeroDB is down, by callers who would rather have them queued;
 * when it is back two workers at once take them there.
 */
export async function surviveOutageWithQueue(contents: number): Promise<void> {
  await using gateway = await startGateway()
  await using behind = await startBehindProxy(gateway, 'zerodb')
  const { proxy, twin } = behind
  const tenant = await gateway.newTenant()
  const bodyOf = (n: number) => `Queued ${n}`
  proxy.faults = { refuse: true }
  proxy.resetAll()

  for (let first = 0; first < contents; first += batchSize) {
    const inputs = Array.from({ length: batchSize }, (_, n) =>
      draft({
        ...refOf(`${first + n}`),
        body: { format: 'TEXT', raw: bodyOf(first + n) },
        idempotencyKey: `key ${first + n}`,
        onUnavailable: 'QUEUE',
      }),
    )
    expect(await untilDecided(() => createMany(twin, tenant, inputs))).toBe('success')
  }
  expect(await countQueued(gateway)).toBe(2 * contents)
  expect((await readOne(twin, tenant, refOf('0')))?.body?.raw).toBe(bodyOf(0))
  await expectIntact(gateway)

  proxy.faults = {}
  const startedAt = performance.now()
  // A breaker that is still open makes a worker give up until its next run.
  await vi.waitUntil(
    async () => {
      await Promise.allSettled([gateway, twin].map(drain))
      return (await countQueued(gateway)) === 0
    },
    { timeout: drainMs, interval: 100 },
  )

  tell(`queued writes: ${contents} drained in ${Math.round(performance.now() - startedAt)} ms`)
  const { findings, checked } = await verify(gateway)
  expect(findings).toEqual([])
  expect(checked.documents).toBe(2 * contents)
}

/** After its recovery ZeroDB has all that was queued within this time. */
const drainMs = 120_000

function drain({ services }: TestGateway): Promise<void> {
  return drainQueue({ ...services, signal: AbortSignal.timeout(drainMs) })
}

async function countQueued({ database }: TestGateway): Promise<number> {
  const { rows } = await database.admin.query<{ count: number }>(
    'select count(*)::integer as count from queued_documents',
  )
  return rows[0]?.count ?? Number.NaN
}
