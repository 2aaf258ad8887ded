import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Fault } from '../../../../src/local/faults.ts'
import type { ZeroDbOperation } from '../../../../src/local/zerodb/routes.ts'
import { awaitJob, findJob, startJob } from '../../../support/drafting.ts'
import { startGateway } from '../../../support/gateway.ts'
import { chooseSeed, createRandom, tell } from '../../../support/random.ts'
import { openCrew } from '../../../support/workers.ts'
import { aboutTea, callsAtOnce, expectMadeOnce } from './made-once.ts'

export interface KillOptions {
  items: number
  /** Kills of whoever has calls under way, so that each of them hurts. */
  atWork: number
  /** Kills of anybody, also of those that are just beginning. */
  atRandom: number
}

/** Two workers are killed so many times, 150 to 500 ms apart, and replaced at once. */
export async function surviveKills({ items, atWork, atRandom }: KillOptions): Promise<void> {
  const seed = chooseSeed()
  const random = createRandom(seed)
  await using gateway = await startGateway()
  await using crew = await openCrew(gateway)
  await Promise.all([crew.start(), crew.start()])
  gateway.zerodb.faults.add(...flaky(seed))
  gateway.llm.pace.latencyMs = 200
  const tenant = await gateway.newTenant()
  const { id } = await startJob(gateway, tenant, aboutTea(items))
  const replacements: Promise<unknown>[] = []
  const kills = random.shuffled([
    ...Array.from({ length: atWork }, () => 'at work' as const),
    ...Array.from({ length: atRandom }, () => 'at random' as const),
  ])
  for (const kill of kills) {
    const [anybody] = random.shuffled(crew.working())
    const victim = kill === 'at work' ? await crew.busy() : anybody
    await delay(150 + random.below(350))
    await victim?.kill()
    replacements.push(crew.start())
  }
  const killedAt = performance.now()
  const { progress } = await findJob(gateway, tenant, id)
  const job = await awaitJob(gateway, tenant, id, 300_000)

  const tookMs = Math.round(performance.now() - killedAt)
  const { length: calls } = gateway.llm.calls
  tell(
    `killed workers: ${kills.length} kills, ${job.attempts} turns, ${calls} calls for ${items} items; ${progress} of them at the last kill, over ${tookMs} ms after it`,
  )
  expect(progress).toBeLessThan(items)
  expect(calls).toBeLessThanOrEqual(items + kills.length * callsAtOnce)
  await Promise.all(replacements)
  gateway.zerodb.faults.clear()
  await expectMadeOnce(gateway, tenant, [job])
}

/** About every seventh call to ZeroDB goes wrong. */
function flaky(seed: number): Fault<ZeroDbOperation>[] {
  const target = { operation: '*', probability: 0.05 } as const
  return [
    { ...target, seed, kind: 'reset' },
    { ...target, seed: seed + 1, kind: 'answerLost' },
    { ...target, seed: seed + 2, kind: 'status', status: 503 },
  ]
}
