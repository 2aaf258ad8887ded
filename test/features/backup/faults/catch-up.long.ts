import { expect, test } from 'vitest'
import { warehouseTables } from '../../../../src/app/warehouse-tables.ts'
import { openBigQuery } from '../../../../src/local/bigquery/open.ts'
import { openZeroDb } from '../../../../src/local/zerodb/open.ts'
import { startGateway } from '../../../support/gateway.ts'
import { plantContents } from '../../../support/planted.ts'
import { temporaryDirectory } from '../../../support/program.ts'
import { tell } from '../../../support/random.ts'
import { countPending, relay } from '../../../support/relay.ts'

const events = 100_000
/** What BigQuery's being away for a day leaves at 10 writes a second. */
const dayOfEvents = 864_000
const maxBytesPerEvent = 1_024

test(
  'what a day without BigQuery has left comes to the copy (100,000 events of it)',
  { timeout: 1_800_000 },
  async () => {
    await using directory = await temporaryDirectory()
    await using bigquery = await openBigQuery({ dataDir: directory.path })
    await using zerodb = await openZeroDb({ dataDir: directory.path })
    await using home = await startGateway()
    const { projectId, apiKey } = zerodb
    await using gateway = await home.startTwin(
      {},
      {
        zerodb: { baseUrl: zerodb.url, projectId, credential: { apiKey } },
        bigquery: {
          projectId: bigquery.projectId,
          apiUrl: bigquery.url,
          accessToken: bigquery.token,
        },
      },
    )
    for await (const _step of gateway.services.bigquery?.setUp(warehouseTables) ?? []);
    const { admin } = gateway.database
    const tenant = await gateway.newTenant({ planTier: 'enterprise' })
    const sizeOf = async () => {
      await admin.query('vacuum analyze backup_outbox')
      const { rows } = await admin.query<{ bytes: number }>(
        `select pg_total_relation_size('backup_outbox')::float8 as bytes`,
      )
      return rows[0]?.bytes ?? Number.NaN
    }
    const empty = await sizeOf()
    await plantContents(gateway, tenant, {
      contents: events / 10,
      versions: 10,
      bodyOf: (n, v) => `${n}.${v} ${'A sentence or two of text. '.repeat(40)}`,
    })
    const waiting = await sizeOf()

    const startedAt = performance.now()
    await relay(gateway, { signal: AbortSignal.timeout(1_200_000) })
    const seconds = (performance.now() - startedAt) / 1_000

    const perSecond = events / seconds
    const copied = await sizeOf()
    const perEvent = Math.round((Math.max(waiting, copied) - empty) / events)
    tell(
      `catch-up: ${events} events in ${seconds.toFixed(1)} s, ${Math.round(perSecond)} a second; ` +
        `a day of 10 writes a second in ${Math.round(dayOfEvents / perSecond)} s; ` +
        `${perEvent} bytes an event in the outbox`,
    )
    expect(await countPending(gateway)).toBe(0)
    expect(perEvent).toBeLessThanOrEqual(maxBytesPerEvent)
  },
)
