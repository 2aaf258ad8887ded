import { expect, test } from 'vitest'
import { syncBackup } from '../../../../src/features/backup/sync-backup.ts'
import { startGateway } from '../../../support/gateway.ts'
import { plantContents } from '../../../support/planted.ts'
import { tell } from '../../../support/random.ts'
import { complaintsAbout, relayUntilQuiet } from '../../../support/relay.ts'

const lookSeconds = 30
const looks = (24 * 3_600) / lookSeconds
/** Enough that something waits at each look. */
const eventsPerLook = 2
const maxJobs = 1_000

/** As if so much time had passed, in all that the relay goes by. */
const passSql = `
  with batches as (
    update relay.batches set created_at = created_at - $1::interval,
      ended_at = ended_at - $1::interval, lease_expires_at = lease_expires_at - $1::interval
  ), status as (
    update relay.status set failing_since = failing_since - $1::interval,
      resting_until = resting_until - $1::interval
  )
  update backup_outbox set created_at = created_at - $1::interval where backed_up_at is null`

test(
  'a day of steady writes, a tenth of the load jobs failing, takes at most 1,000 jobs',
  { timeout: 3_600_000 },
  async () => {
    await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
    const { admin } = gateway.database
    const tenant = await gateway.newTenant({ planTier: 'enterprise' })
    const { calls, clock, faults } = gateway.bigquery
    const half = { operation: 'load', probability: 0.05 } as const
    faults.add(
      { ...half, kind: 'status', status: 503, seed: 1 },
      { ...half, kind: 'answerLost', seed: 2 },
    )
    let jobs = 0
    let failed = 0
    let oldest = 0
    for (let look = 0; look < looks; look++) {
      await plantContents(gateway, tenant, { contents: eventsPerLook })
      await admin.query(passSql, [`${lookSeconds} seconds`])
      clock.moveBy(lookSeconds * 1_000)
      const { rows } = await admin.query<{ seconds: number | null }>(
        `select extract(epoch from now() - min(created_at))::float8 as seconds
         from backup_outbox where backed_up_at is null`,
      )
      oldest = Math.max(oldest, rows[0]?.seconds ?? 0)
      calls.length = 0
      await syncBackup({ ...gateway.services, signal: AbortSignal.timeout(60_000) })
      const loads = calls.filter(({ operation }) => operation === 'load')
      jobs += loads.length
      failed += loads.filter(({ fault }) => fault !== undefined).length
    }
    tell(
      `load jobs of a day: ${jobs}, of which ${failed} went wrong; ` +
        `the oldest change waited for ${Math.round(oldest)} s`,
    )
    faults.clear()
    await relayUntilQuiet(gateway)

    expect(failed).toBeGreaterThan(jobs / 20)
    expect(jobs).toBeLessThanOrEqual(maxJobs)
    expect(oldest).toBeLessThanOrEqual(15 * 60)
    expect(await complaintsAbout(gateway, [tenant])).toEqual([])
  },
)
