import { expect, test } from 'vitest'
import { bodyTable } from '../../../../src/features/content/documents.ts'
import { relaySteps } from '../../../../src/lib/failpoints.ts'
import { encodeGlobalId } from '../../../../src/graphql/global-id.ts'
import { startGateway } from '../../../support/gateway.ts'
import { expectIntact } from '../../../support/integrity.ts'
import { plantContents } from '../../../support/planted.ts'
import { tell } from '../../../support/random.ts'
import {
  complaintsAbout,
  countPending,
  passRelayTime,
  readCopy,
  relay,
  relayUntilQuiet,
} from '../../../support/relay.ts'
import { purgeOne } from '../../../support/writes.ts'
import { Failpoints, strikesAt } from '../../writing/failpoints/strikes.ts'
import { blowOf, runWave, storeBlows } from './relay-sweep.ts'

const quiet = { LOG_LEVEL: 'silent' }
const wantedEvents = 10_000

test(
  'whatever befalls any step of the relay, each version comes to the copy once, and nothing purged',
  { timeout: 900_000 },
  async () => {
    await using gateway = await startGateway(quiet, { bigquery: true })
    using failpoints = new Failpoints()
    const tenants = [await gateway.newTenant(), await gateway.newTenant()]
    const sweep = { gateway, failpoints, tenants }
    const blows = [...relaySteps.flatMap(strikesAt).map(blowOf), ...storeBlows]
    const events = Math.ceil(wantedEvents / blows.length)
    const complaints = new Map<string, string>()
    for (const blow of blows) {
      await runWave(sweep, blow, events).catch((error: unknown) => {
        complaints.set(blow.name, error instanceof Error ? (error.stack ?? '') : String(error))
        gateway.bigquery.faults.clear()
      })
    }
    const { rows } = await gateway.database.admin.query<{ events: number; refused: number }>(
      `select count(*)::integer as events, count(quarantined_at)::integer as refused
       from backup_outbox`,
    )
    tell(`${blows.length} blows to ${rows[0]?.events} events`)

    expect([...complaints]).toEqual([])
    expect(rows[0]?.refused).toBe(0)
    expect(await complaintsAbout(gateway, tenants)).toEqual([])
    await expectIntact(gateway)
    expect([...failpoints.stepsStruck].toSorted()).toEqual([...relaySteps].toSorted())
    expect(wantedEvents).toBeLessThanOrEqual(blows.length * events)
  },
)

test('who wakes with a batch of which all was purged meanwhile brings nothing any more', async () => {
  await using gateway = await startGateway(quiet, { bigquery: true })
  using failpoints = new Failpoints()
  const tenant = await gateway.newTenant()
  const ids = await plantContents(gateway, tenant, { contents: 3 })
  const asleep = failpoints.arm('relay', { step: 'load', edge: 'before', kind: 'zombie' })
  const zombie = relay(gateway)
  await asleep.struck

  for (const id of ids) await purgeOne(gateway, tenant, encodeGlobalId('Content', id))
  await relayUntilQuiet(gateway)
  asleep.wake()
  await zombie

  const rows = await readCopy(gateway, tenant.id)
  expect(rows.map(({ operation }) => operation)).toEqual(['purge', 'purge', 'purge'])
})

test('who takes a batch over and reads other rows than went notes what is there, and no more', async () => {
  await using gateway = await startGateway(quiet, { bigquery: true })
  using failpoints = new Failpoints()
  const { zerodb } = gateway.services
  const tenant = await gateway.newTenant()
  await plantContents(gateway, tenant, { contents: 4 })
  const { rows: documents } = await gateway.database.admin.query<{ id: string }>(
    'select document_id as id from content_versions order by id',
  )
  const [, , third = '', fourth = ''] = documents.map(({ id }) => id)
  const bodies = await zerodb.getRowsByKey(tenant.id, bodyTable, [third, fourth])
  const lose = (id: string) => zerodb.deleteRowsByKey(tenant.id, bodyTable, [id])
  const mend = (id: string) => zerodb.insertRow(tenant.id, bodyTable, { ...bodies.get(id), id })

  await lose(fourth)
  const died = failpoints.arm('relay', { step: 'load', edge: 'after', kind: 'crash' })
  void relay(gateway)
  await died.struck
  await mend(fourth)
  await lose(third)
  await passRelayTime(gateway)
  await relay(gateway)
  expect(await countPending(gateway)).toBe(1)

  await relayUntilQuiet(gateway)
  expect(await complaintsAbout(gateway, [tenant])).toEqual([])
})
