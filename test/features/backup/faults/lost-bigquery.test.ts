import { expect, test } from 'vitest'
import { warehouseTables } from '../../../../src/app/warehouse-tables.ts'
import { syncBackup } from '../../../../src/features/backup/sync-backup.ts'
import { watchBackup } from '../../../../src/features/backup/watch-backup.ts'
import type { BigQueryOperation } from '../../../../src/local/bigquery/routes.ts'
import type { Fault } from '../../../../src/local/faults.ts'
import { snapshotTable } from '../../../../src/platform/recovery-copy/snapshot-tables.ts'
import type { TableDefinition } from '../../../../src/platform/bigquery/tables.ts'
import { createTestContents } from '../../../support/contents.ts'
import { type CopiedGateway, startGateway, type TestGateway } from '../../../support/gateway.ts'
import { graphql } from '../../../support/gql/gql.ts'
import { freePort } from '../../../support/program.ts'
import {
  complaintsAbout,
  countPending,
  passRelayTime,
  relay,
  relayUntilQuiet,
} from '../../../support/relay.ts'
import { alertsOf } from '../../quota/plants.ts'

const statusDocument = graphql(`
  query BackupTroubleForTest {
    backupStatus {
      enabled
      unsyncedCount
      refusedCount
      failingSince
      lastError
      lastSuccessAt
      rpoMet
    }
    contents(first: 10) {
      nodes {
        title
        body {
          raw
        }
      }
    }
  }
`)

interface Trouble {
  name: string
  /** What `lastError` must say. */
  says: RegExp
  /** Answers the instance that is in trouble, when it is not the gateway itself. */
  begin(gateway: CopiedGateway): Promise<TestGateway | void> | void
  end(gateway: CopiedGateway): Promise<void> | void
}

const clearFaults = ({ bigquery }: CopiedGateway) => bigquery.faults.clear()

const fault =
  (one: Fault<BigQueryOperation>) =>
  ({ bigquery }: CopiedGateway) =>
    bigquery.faults.add(one)

const troubles: Trouble[] = [
  {
    name: 'permission is withdrawn',
    says: /refuses what we ask: check the account’s roles/,
    begin: fault({ operation: '*', kind: 'status', status: 403 }),
    end: clearFaults,
  },
  {
    name: 'the token is refused',
    says: /refuses what we ask: check the account’s roles/,
    begin: fault({ operation: '*', kind: 'status', status: 401 }),
    end: clearFaults,
  },
  {
    name: 'BigQuery is overloaded',
    says: /cannot be reached: unavailable/,
    begin: fault({ operation: '*', kind: 'status', status: 503 }),
    end: clearFaults,
  },
  {
    name: 'connections break',
    says: /cannot be reached: unavailable/,
    begin: fault({ operation: '*', kind: 'reset' }),
    end: clearFaults,
  },
  {
    name: 'a quota is used up',
    says: /a quota is used up/,
    begin: ({ bigquery }) => void (bigquery.limits.loadJobsPerTableAndDay = 0),
    end: ({ bigquery }) => void (bigquery.limits.loadJobsPerTableAndDay = 1_500),
  },
  {
    name: 'nobody is there',
    says: /cannot be reached: unavailable/,
    begin: async (gateway) =>
      gateway.startTwin(
        {},
        { bigquery: { ...accountOf(gateway), apiUrl: `http://127.0.0.1:${await freePort()}` } },
      ),
    end: () => {},
  },
  {
    name: 'the dataset is not there',
    says: /check the account’s roles, the dataset and the tables/,
    begin: (gateway) => gateway.startTwin({ BIGQUERY_DATASET: 'elsewhere' }),
    end: () => {},
  },
  {
    name: 'the table is not there',
    says: /the table content_snapshots cannot be used: it is not there. Run: gateway setup/,
    begin: dropTable,
    end: setUp,
  },
  {
    name: 'a column is not there',
    says: /it has no column history. Run: gateway setup/,
    begin: (gateway) =>
      replaceTable(gateway, {
        ...snapshotTable,
        columns: snapshotTable.columns.filter(({ name }) => name !== 'history'),
      }),
    end: setUp,
  },
  {
    name: 'a column is of another type',
    says: /its column version is DATE, not INT64/,
    begin: (gateway) =>
      replaceTable(gateway, {
        ...snapshotTable,
        columns: snapshotTable.columns.map((column) =>
          column.name === 'version' ? { ...column, type: 'DATE' } : column,
        ),
      }),
    end: (gateway) => replaceTable(gateway, snapshotTable),
  },
]

test.for(troubles)(
  '$name: copying stops and says so, nothing else does, and it catches up',
  async ({ says, begin, end }) => {
    await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
    const tenant = await gateway.newTenant()
    await using stricken = (await begin(gateway)) ?? { ...gateway, [Symbol.asyncDispose]: nothing }
    await createTestContents(stricken, tenant, 3)
    for (let run = 0; run < 6; run++) {
      await passRelayTime(gateway)
      await relay(stricken)
    }

    const { data, errors } = await stricken.query(tenant, statusDocument)
    expect(errors).toBeUndefined()
    expect(data?.contents.nodes).toHaveLength(3)
    expect(data?.contents.nodes[0]?.body?.raw).toMatch(/^Body/)
    expect(data?.backupStatus).toMatchObject({ enabled: true, unsyncedCount: 3, refusedCount: 0 })
    expect(data?.backupStatus.lastError).toMatch(says)
    expect(data?.backupStatus.lastSuccessAt).toBeNull()
    expect(Date.parse(data?.backupStatus.failingSince ?? '')).toBeGreaterThan(Date.now() - 60_000)
    const { rows } = await gateway.database.admin.query(
      'select sum(attempts)::integer as attempts from backup_outbox',
    )
    expect(rows).toEqual([{ attempts: 0 }])

    await end(gateway)
    await createTestContents(gateway, tenant, 2)
    await relayUntilQuiet(gateway)

    expect(await complaintsAbout(gateway, [tenant])).toEqual([])
    const after = await gateway.query(tenant, statusDocument)
    expect(after.data?.backupStatus).toMatchObject({
      unsyncedCount: 0,
      failingSince: null,
      lastError: null,
      rpoMet: true,
    })
  },
)

test('after a failure the copy rests, unless somebody asks, and he but once a minute', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
  const { admin } = gateway.database
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  await admin.query(`update backup_outbox set created_at = now() - interval '5 minutes'`)
  const run = () => syncBackup({ ...gateway.services, signal: AbortSignal.timeout(10_000) })
  const calls = async (work: () => Promise<void>) => {
    gateway.bigquery.calls.length = 0
    await work()
    return gateway.bigquery.calls.length
  }
  gateway.bigquery.faults.add({ operation: 'load', kind: 'status', status: 503 })
  expect(await calls(run)).toBe(1)
  expect(await calls(run)).toBe(0)
  const ring = () => calls(() => relay(gateway))
  expect(await ring()).toBe(0)
  const minuteLater = `last_run_at = now() - interval '61 seconds'`
  await admin.query(`update relay.status set ${minuteLater}`)
  expect([await ring(), await ring(), await ring()]).toEqual([1, 0, 0])
  await admin.query(
    `update relay.status set failing_since = now() - interval '10 minutes', ${minuteLater}`,
  )
  expect(await ring()).toBe(1)
  const { rows } = await admin.query<{ seconds: number }>(
    `select extract(epoch from resting_until - now())::float8 as seconds from relay.status`,
  )
  expect(rows[0]?.seconds).toBeGreaterThan(120)
  expect(rows[0]?.seconds).toBeLessThanOrEqual(160)
})

test('what waits for more than a quarter of an hour opens an alert, which ends with it', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
  const tenant = await gateway.newTenant()
  const punctual = await gateway.newTenant()
  await createTestContents(gateway, tenant, 3)
  await createTestContents(gateway, punctual, 1)
  const watch = () => watchBackup({ ...gateway.services, signal: AbortSignal.timeout(10_000) })
  const wait = (minutes: number) =>
    gateway.database.admin.query(
      `update backup_outbox set created_at = created_at - make_interval(mins => $2)
       where tenant_id = $1`,
      [tenant.id, minutes],
    )
  await wait(14)
  await watch()
  expect(await alertsOf(gateway, tenant)).toEqual([])
  await wait(2)
  await watch()
  await watch()
  const lag = { kind: 'SYNC_LAG', threshold: '900 s, or 1000 changes for 3600 s', resolved: false }
  const [alert, ...others] = await alertsOf(gateway, tenant)
  expect(others).toEqual([])
  expect(alert).toMatchObject(lag)
  expect(alert?.value).toMatch(/^9[67]\d s, 3 changes$/)
  await wait(24 * 60)
  await watch()
  expect(await alertsOf(gateway, tenant)).toMatchObject([
    lag,
    { kind: 'SYNC_FAILED', resolved: false },
  ])

  await relayUntilQuiet(gateway)
  await watch()
  expect(await alertsOf(gateway, tenant)).toMatchObject([{ resolved: true }, { resolved: true }])
  expect(await alertsOf(gateway, punctual)).toEqual([])
  expect(await countPending(gateway)).toBe(0)
})

test('a thousand changes that wait for an hour are an alert, though none of them waits for long', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  const { admin } = gateway.database
  const fill = async (events: number) => {
    await admin.query(`delete from backup_outbox where tenant_id = $1 and version_number > 1`, [
      tenant.id,
    ])
    await admin.query(
      `insert into backup_outbox (tenant_id, id, content_id, version_number, operation)
       select tenant_id, gen_random_uuid(), content_id, 1 + n, 'upsert'
       from backup_outbox, generate_series(1, $2) n where tenant_id = $1`,
      [tenant.id, events - 1],
    )
  }
  const passTime = (minutes: number) =>
    admin.query(`update relay.backlogs set above_since = above_since - make_interval(mins => $1)`, [
      minutes,
    ])
  const watch = async () => {
    await watchBackup({ ...gateway.services, signal: AbortSignal.timeout(10_000) })
    return (await alertsOf(gateway, tenant)).map(({ kind, resolved }) => ({ kind, resolved }))
  }
  await fill(1_001)
  expect(await watch()).toEqual([])
  await passTime(59)
  await fill(1_001)
  expect(await watch()).toEqual([])
  await passTime(2)
  expect(await watch()).toEqual([{ kind: 'SYNC_LAG', resolved: false }])

  // A thousand may wait as long as each has its turn; the hour begins anew.
  await fill(1_000)
  expect(await watch()).toEqual([{ kind: 'SYNC_LAG', resolved: true }])
  await fill(1_001)
  await passTime(61)
  expect(await watch()).toEqual([{ kind: 'SYNC_LAG', resolved: true }])
})

test('no statement leaves for BigQuery without a tenant and a range of days', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
  const tenants = [await gateway.newTenant(), await gateway.newTenant()]
  for (const tenant of tenants) await createTestContents(gateway, tenant, 2)
  gateway.bigquery.calls.length = 0
  gateway.bigquery.faults.add({ operation: 'load', kind: 'badRows', times: 1 })
  await relayUntilQuiet(gateway)
  const own = new Set(tenants.map(({ id }) => id))

  const queries = gateway.bigquery.calls.filter(({ sql }) => sql !== undefined)
  expect(queries.length).toBeGreaterThanOrEqual(tenants.length)
  for (const { sql = '', tenant = '', params = {} } of queries) {
    expect(own).toContain(tenant)
    expect(sql).toMatch(/tenant_id = @tenant/)
    expect(sql).toMatch(/snapshot_timestamp >= @from AND snapshot_timestamp < @to/)
    expect(Object.keys(params)).toEqual(expect.arrayContaining(['tenant', 'from', 'to']))
  }
})

const nothing = () => Promise.resolve()

function accountOf({ neighbours: { bigquery } }: CopiedGateway) {
  if (!bigquery) throw new Error('There is no BigQuery')
  return bigquery
}

async function dropTable(gateway: CopiedGateway): Promise<void> {
  const { projectId, accessToken } = accountOf(gateway)
  const { BIGQUERY_DATASET } = gateway.services.config
  const path = `projects/${projectId}/datasets/${BIGQUERY_DATASET}/tables/content_snapshots`
  const { ok } = await fetch(`${gateway.bigquery.url}/bigquery/v2/${path}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${accessToken}` },
  })
  if (!ok) throw new Error('The table cannot be dropped')
}

async function setUp({ services: { bigquery } }: CopiedGateway): Promise<void> {
  for await (const _step of bigquery?.setUp(warehouseTables) ?? []);
}

async function replaceTable(gateway: CopiedGateway, table: TableDefinition): Promise<void> {
  await dropTable(gateway)
  for await (const _step of gateway.services.bigquery?.setUp([table]) ?? []);
}
