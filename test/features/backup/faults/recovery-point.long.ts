import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startGateway } from '../../../support/gateway.ts'
import { plantContents } from '../../../support/planted.ts'
import { chooseSeed, createRandom, tell } from '../../../support/random.ts'
import { complaintsAbout, countPending, relayUntilQuiet } from '../../../support/relay.ts'
import { openCrew } from '../../../support/workers.ts'

const writesPerSecond = 100
const seconds = 300
/** Far below the RPO of a quarter of an hour. */
const maxLagSeconds = 180

test(
  'after 100 writes a second and the loss of everything, the copy lacks nothing that is three minutes old',
  { timeout: 1_200_000 },
  async () => {
    const random = createRandom(chooseSeed())
    await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
    const { admin } = gateway.database
    const tenant = await gateway.newTenant({ planTier: 'enterprise' })
    await using crew = await openCrew(gateway)
    const lags: number[] = []
    const lagNow = async () => {
      const { rows } = await admin.query<{ seconds: number }>(
        `select coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8
         as seconds from backup_outbox where backed_up_at is null`,
      )
      return rows[0]?.seconds ?? Number.NaN
    }
    await crew.start()
    const killsAt = new Set(Array.from({ length: 3 }, () => random.below(seconds)))
    const startedAt = performance.now()
    for (let second = 0; second < seconds; second++) {
      await plantContents(gateway, tenant, { contents: writesPerSecond })
      lags.push(await lagNow())
      if (killsAt.has(second)) {
        for (const worker of crew.working()) await worker.kill()
        await crew.start()
      }
      await delay(Math.max(0, startedAt + (second + 1) * 1_000 - performance.now()))
    }
    const tookSeconds = (performance.now() - startedAt) / 1_000
    for (const worker of crew.working()) await worker.kill()
    const lagAtEnd = await lagNow()
    const missing = await countPending(gateway)

    const sorted = lags.toSorted((a, b) => a - b)
    const p95 = sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN
    tell(
      `recovery point: ${seconds * writesPerSecond} writes in ${Math.round(tookSeconds)} s, ` +
        `${killsAt.size} workers killed; lag p95 ${Math.round(p95)} s, at most ` +
        `${Math.round(sorted.at(-1) ?? 0)} s; at the end ${missing} were missing, the oldest ` +
        `${Math.round(lagAtEnd)} s old`,
    )
    expect(p95).toBeLessThanOrEqual(maxLagSeconds)
    expect(lagAtEnd).toBeLessThanOrEqual(maxLagSeconds)
    await relayUntilQuiet(gateway)
    expect(await complaintsAbout(gateway, [tenant])).toEqual([])
  },
)
