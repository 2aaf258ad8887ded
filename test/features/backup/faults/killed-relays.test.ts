import { setTimeout as delay } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { startGateway } from '../../../support/gateway.ts'
import { expectIntact } from '../../../support/integrity.ts'
import { plantContents } from '../../../support/planted.ts'
import { chooseSeed, createRandom, tell } from '../../../support/random.ts'
import { complaintsAbout, countPending, passRelayTime } from '../../../support/relay.ts'
import { openCrew } from '../../../support/workers.ts'

const events = 2_000
const kills = 8

test(
  'workers that are killed while they copy lose nothing, and bring nothing twice (2,000 events)',
  { timeout: 300_000 },
  async () => {
    const random = createRandom(chooseSeed())
    await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
    const { admin } = gateway.database
    await using crew = await openCrew(gateway)
    const tenant = await gateway.newTenant()
    // So that each way through takes a second or two.
    gateway.zerodb.faults.add({ operation: 'query', kind: 'latency', ms: 20, jitterMs: 40 })
    gateway.bigquery.faults.add({ operation: '*', kind: 'latency', ms: 100, jitterMs: 300 })
    const leave = async () => {
      await passRelayTime(gateway)
      await admin.query(`update backup_outbox set created_at = now() - interval '3 minutes'`)
    }
    let underWay = 0
    for (let kill = 0; kill < kills; kill++) {
      await plantContents(gateway, tenant, { contents: events / kills })
      await leave()
      const worker = await crew.start()
      await delay(random.below(1_500))
      await worker.kill()
      const { rows } = await admin.query(`select from relay.batches where state = 'open'`)
      underWay += rows.length
    }
    await crew.start()
    await vi.waitUntil(
      async () => {
        await leave()
        return (await countPending(gateway)) === 0
      },
      { timeout: 120_000, interval: 5_000 },
    )

    const { rows } = await admin.query<{ takenOver: number }>(
      `select count(*)::integer as "takenOver" from relay.batches where fence > 1`,
    )
    tell(
      `killed relays: ${underWay} of ${kills} in the midst of a batch, ${rows[0]?.takenOver} taken over`,
    )
    expect(underWay).toBeGreaterThan(0)
    expect(await complaintsAbout(gateway, [tenant])).toEqual([])
    gateway.zerodb.faults.clear()
    gateway.bigquery.faults.clear()
    await expectIntact(gateway)
  },
)
