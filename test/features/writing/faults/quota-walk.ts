import fc from 'fast-check'
import { armFailpoints } from '../../../../src/lib/failpoints.ts'
import { startGateway, type TestGateway } from '../../../support/gateway.ts'
import { expectIntact } from '../../../support/integrity.ts'
import type { Answer } from '../../../support/outcome.ts'
import { chooseSeed } from '../../../support/random.ts'
import { quotaCommands } from './quota-commands.ts'
import { type Model, type Real, setTier } from './quota-model.ts'

export interface WalkOptions {
  runs: number
  /** Commands of one run, at most. */
  steps: number
}

/** Random walks through all that changes an account, each by a tenant of its own, beside a model. */
export async function walkThroughQuota({ runs, steps }: WalkOptions): Promise<void> {
  const seed = chooseSeed()
  await using gateway = await startGateway()
  using sleepers = armSleepers()
  const property = fc.asyncProperty(
    fc.commands(quotaCommands, { maxCommands: steps, size: 'max' }),
    async (commands) => {
      const walk = await newWalk(gateway, sleepers)
      try {
        await fc.asyncModelRun(() => walk, commands)
      } finally {
        await walk.real.wakeSleepers()
      }
    },
  )
  await fc.assert(property, { seed, numRuns: runs })
  await expectIntact(gateway)
}

async function newWalk(
  gateway: TestGateway,
  sleepers: Sleepers,
): Promise<{ model: Model; real: Real }> {
  const tenant = await gateway.newTenant({ planTier: 'free' })
  await setTier(gateway, tenant, 'free')
  const { startSleeper, wakeSleepers } = sleepers.of(tenant.id)
  return {
    model: { tier: 'free', contents: [], reserved: 0 },
    real: { gateway, tenant, startSleeper, wakeSleepers },
  }
}

interface Sleepers extends Disposable {
  of(tenantId: string): Pick<Real, 'startSleeper' | 'wakeSleepers'>
}

/** Writers of chosen calls fall asleep after their first step, with their reservation in hand. */
function armSleepers(): Sleepers {
  const drowsy = new Map<string, () => void>()
  let { promise: morning, resolve: wake } = Promise.withResolvers<void>()
  const armed = armFailpoints(async (step, edge, { tenantId }) => {
    const fallAsleep = step === 'begin' && edge === 'after' && drowsy.get(tenantId)
    if (!fallAsleep) return
    drowsy.delete(tenantId)
    fallAsleep()
    await morning
  })
  return {
    of(tenantId) {
      let asleep: Promise<Answer>[] = []
      return {
        async startSleeper(write) {
          const begun = new Promise<void>((resolve) => drowsy.set(tenantId, resolve))
          const writing = write()
          asleep.push(writing)
          await Promise.race([begun, writing])
        },
        async wakeSleepers() {
          wake()
          ;({ promise: morning, resolve: wake } = Promise.withResolvers<void>())
          const woken = asleep
          asleep = []
          return Promise.all(woken)
        },
      }
    },
    [Symbol.dispose]() {
      wake()
      armed[Symbol.dispose]()
    },
  }
}
