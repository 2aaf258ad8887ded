import { expect } from 'vitest'
import type { Fault } from '../../../../src/local/faults.ts'
import type { ZeroDbOperation } from '../../../../src/local/zerodb/routes.ts'
import { mapLimit } from '../../../../src/lib/map-limit.ts'
import {
  type Api,
  startGateway,
  type TestGateway,
  type TestTenant,
} from '../../../support/gateway.ts'
import { expectIntact, expireLeases } from '../../../support/integrity.ts'
import { refOf } from '../../../support/operations.ts'
import { chooseSeed, tell } from '../../../support/random.ts'
import { startBehindProxy } from '../../../support/proxied.ts'
import { Workload } from '../../../support/workload.ts'
import { createOne, draft } from '../../../support/writes.ts'

const clients = 8
const requestTimeoutMs = 3_000
/** What an answer may be late by on a machine that is busy with other tests. */
const slackMs = 1_000

/** Each strikes a twentieth of all calls, so that about a fifth go wrong. */
function randomFaults(seed: number): Fault<ZeroDbOperation>[] {
  const target = { operation: '*', probability: 0.05 } as const
  return [
    { ...target, seed, kind: 'reset' },
    { ...target, seed: seed + 1, kind: 'answerLost' },
    { ...target, seed: seed + 2, kind: 'status', status: 500 },
    { ...target, seed: seed + 3, kind: 'latency', ms: 50, jitterMs: 1_000 },
  ]
}

// Calls that are slow come too late: what they wrote may turn up when nobody waits any more.
const env = { REQUEST_TIMEOUT_MS: String(requestTimeoutMs), ZERODB_TIMEOUT_MS: '500' }

/**
 * So many writes while every fifth call to ZeroDB goes wrong, and half as many that are tried once
 * and given up: what was told to have changed nothing must not be there in the end.
 */
export async function surviveFlakyZeroDb(writes: number): Promise<void> {
  const seed = chooseSeed()
  // An insert that comes late leaves a second row under its key, and each such row an alarm.
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' })
  await using behind = await startBehindProxy(gateway, 'zerodb', env)
  const { proxy, twin } = behind
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant()
  using workload = new Workload({ api: twin, tenant, seed })
  gateway.zerodb.faults.add(...randomFaults(seed))
  // Every connection ends in the midst of some answer.
  proxy.faults = { down: { cutAfterBytes: 20_000 } }

  const [, givenUp] = await Promise.all([
    workload.run(clients, writes),
    writeOnceEach(twin, other, writes / 2),
  ])

  gateway.zerodb.faults.clear()
  const slowestMs = Math.max(...workload.attempts.map(({ ms }) => ms))
  const { calls } = gateway.zerodb
  const struck = calls.filter(({ fault }) => fault !== undefined)
  tell(
    `flaky ZeroDB: ${struck.length} of ${calls.length} calls went wrong; ${workload.tally()}; slowest ${Math.round(slowestMs)} ms`,
  )
  expect(slowestMs).toBeLessThan(requestTimeoutMs + slackMs)
  await expireLeases(gateway)
  await gateway.sweep()
  await workload.expectExactly(gateway.database.admin)
  const there = await readRefs(gateway, other)
  expect(givenUp.succeeded.filter((ref) => !there.has(ref))).toEqual([])
  expect(givenUp.unchanged.filter((ref) => there.has(ref))).toEqual([])
  await expectIntact(gateway)
}

/** The references of writes that succeeded, and of those that were told: nothing was changed. */
async function writeOnceEach(api: Api, tenant: TestTenant, writes: number) {
  const succeeded: string[] = []
  const unchanged: string[] = []
  const refs = Array.from({ length: writes }, (_, n) => `${n}`)
  await mapLimit(refs, clients / 2, async (ref) => {
    const answer = await createOne(api, tenant, draft(refOf(ref))).catch(() => undefined)
    if (answer?.__typename === 'ContentSuccess') succeeded.push(ref)
    if (answer && 'message' in answer && answer.message.includes('Nothing was changed')) {
      unchanged.push(ref)
    }
  })
  return { succeeded, unchanged }
}

async function readRefs({ database }: TestGateway, { id }: TestTenant): Promise<Set<string>> {
  const { rows } = await database.admin.query<{ ref: string }>(
    'select external_id as ref from content_items where tenant_id = $1',
    [id],
  )
  return new Set(rows.map(({ ref }) => ref))
}
