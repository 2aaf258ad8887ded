import { removePurged } from '../../src/features/backup/copy-queries.ts'
import type { BigQuery } from '../../src/platform/bigquery.ts'
import type { SnapshotRow } from '../../src/platform/recovery-copy/snapshot-tables.ts'
import type { TestGateway } from './gateway.ts'
import { passRelayTime, relay } from './relay.ts'

type Store = Pick<TestGateway, 'database' | 'services'>

/** Batches until all of a tenant is there: more are not needed by what a test writes. */
const maxRuns = 10

/**
 * Brings everything of a tenant that waits for the copy there, `change` being how its rows are spoiled on
 * the way. What waits of others goes on waiting.
 */
export async function copyVersions(
  gateway: Store,
  tenantId: string,
  change?: (row: SnapshotRow) => SnapshotRow,
): Promise<void> {
  const whole = bigqueryOf(gateway)
  const bigquery = change ? spoiling(whole, change) : whole
  await using _others = await holdOthers(gateway, tenantId)
  for (let run = 0; run < maxRuns; run++) {
    if ((await countWaiting(gateway, tenantId)) === 0) return
    await passRelayTime(gateway)
    await relay(gateway, { bigquery })
  }
  throw new Error(`${await countWaiting(gateway, tenantId)} events do not come to the copy`)
}

function spoiling(bigquery: BigQuery, change: (row: SnapshotRow) => SnapshotRow): BigQuery {
  const spoil = (line: Uint8Array) => {
    const row = JSON.parse(Buffer.from(line).toString()) as SnapshotRow
    return Buffer.from(`${JSON.stringify(change(row))}\n`)
  }
  return {
    ...bigquery,
    load: (table, { body, ...job }, signal) =>
      bigquery.load(table, { ...job, body: body.map(spoil) }, signal),
  }
}

/** Keeps the relay off what waits of other tenants, until disposed. */
async function holdOthers({ database: { admin } }: Store, tenantId: string) {
  const { rows } = await admin.query<{ id: string }>(
    `update backup_outbox set quarantined_at = now()
     where tenant_id <> $1 and backed_up_at is null and quarantined_at is null returning id`,
    [tenantId],
  )
  const ids = rows.map(({ id }) => id)
  return {
    [Symbol.asyncDispose]: () =>
      admin
        .query('update backup_outbox set quarantined_at = null where id = any($1)', [ids])
        .then(() => {}),
  }
}

async function countWaiting({ database: { admin } }: Store, tenantId: string): Promise<number> {
  const { rows } = await admin.query<{ count: number }>(
    `select count(*)::integer as count from backup_outbox
     where tenant_id = $1 and backed_up_at is null`,
    [tenantId],
  )
  return rows[0]?.count ?? -1
}

/** Takes the versions of these contents out of the copy. */
export async function loseCopies(
  gateway: Store,
  tenantId: string,
  contents: readonly string[],
): Promise<void> {
  if (contents.length === 0) return
  await bigqueryOf(gateway).query(removePurged, { tenantId, ...anyDay }, { contents })
}

/** Every day that a test's rows can be of. */
const anyDay = { from: new Date('2000-01-01'), to: new Date('2100-01-01') }

function bigqueryOf({ services: { bigquery } }: Store): BigQuery {
  if (!bigquery) throw new Error('The gateway was started without BigQuery')
  return bigquery
}
