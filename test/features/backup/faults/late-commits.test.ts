import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { mapLimit } from '../../../../src/lib/map-limit.ts'
import { startGateway } from '../../../support/gateway.ts'
import { plantContents } from '../../../support/planted.ts'
import { chooseSeed, createRandom, tell } from '../../../support/random.ts'
import {
  complaintsAbout,
  countPending,
  passRelayTime,
  relay,
  relayUntilQuiet,
} from '../../../support/relay.ts'

const tenantCount = 20
const contentsEach = 500
const transactionsAtOnce = 8
const longestMs = 400

test(
  'an event that commits after later ones were relayed is relayed too (10,000 events)',
  { timeout: 300_000 },
  async () => {
    const random = createRandom(chooseSeed())
    await using gateway = await startGateway({}, { bigquery: true })
    const tenants = await Promise.all(
      Array.from({ length: tenantCount }, () => gateway.newTenant()),
    )
    let isOver = false
    const planting = mapLimit(tenants, transactionsAtOnce, (tenant) =>
      plantContents(gateway, tenant, {
        contents: contentsEach,
        batchSize: 50,
        beforeCommit: () => delay(random.below(longestMs)),
      }),
    ).finally(() => (isOver = true))
    let runs = 0
    for (; !isOver; runs++) {
      await passRelayTime(gateway)
      await relay(gateway)
    }
    await planting
    await relayUntilQuiet(gateway)

    const { rows } = await gateway.database.admin.query<{ overtaken: number }>(
      `with sent as (
         select batch_id, max(max(created_at)) over (
           order by batch_id rows between unbounded preceding and 1 preceding
         ) as newest_before from backup_outbox group by batch_id
       )
       select count(*)::integer as overtaken from backup_outbox join sent using (batch_id)
       where created_at < newest_before`,
    )
    const { overtaken = 0 } = rows[0] ?? {}
    tell(`late commits: ${runs} runs, ${overtaken} events were overtaken by later ones`)
    expect(overtaken).toBeGreaterThan(0)
    expect(await countPending(gateway)).toBe(0)
    expect(await complaintsAbout(gateway, tenants)).toEqual([])
  },
)
