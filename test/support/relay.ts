import { z } from 'zod'
import type { BackupDeps } from '../../src/features/backup/batch.ts'
import { syncBackup } from '../../src/features/backup/sync-backup.ts'
import { defineQuery } from '../../src/platform/bigquery/query-template.ts'
import {
  type SnapshotRow,
  snapshotTable,
} from '../../src/platform/recovery-copy/snapshot-tables.ts'
import type { TestGateway, TestTenant } from './gateway.ts'

const jsonColumns = snapshotTable.columns.filter(({ type }) => type === 'JSON')
const names = snapshotTable.columns.map(({ name, type }) =>
  type === 'JSON' ? `TO_JSON_STRING(${name}) AS ${name}` : name,
)

const everything = defineQuery({
  name: 'everythingForTest',
  table: snapshotTable,
  sql: `
    SELECT ${names.join(', ')} FROM {table}
    WHERE tenant_id = @tenant AND snapshot_timestamp >= @from AND snapshot_timestamp < @to`,
  parameters: {},
  row: z.record(z.string(), z.unknown()),
})

/** Every day that a test's rows can be of. */
const anyDay = { from: new Date('2000-01-01'), to: new Date('2100-01-01') }

/** All that the copy has of a tenant, repeated rows too, by content and version. */
export async function readCopy(
  { services: { bigquery } }: Pick<TestGateway, 'services'>,
  tenantId: string,
): Promise<SnapshotRow[]> {
  if (!bigquery) throw new Error('The gateway was started without BigQuery')
  const scope = { tenantId, ...anyDay }
  const { rows } = await bigquery.query(everything, scope, {}, { timeoutMs: 60_000 })
  const parsed = rows.map((row) => {
    const objects = jsonColumns.map(({ name }) => [name, JSON.parse(String(row[name])) as unknown])
    return { ...row, ...Object.fromEntries(objects) } as SnapshotRow
  })
  const keyOf = ({ content_id, version }: SnapshotRow) =>
    `${content_id} ${String(version).padStart(9, '0')}`
  return parsed.toSorted((a, b) => keyOf(a).localeCompare(keyOf(b)))
}

/** One run of the relay in this process, as a worker does it that was asked to. */
export function relay(
  { services }: Pick<TestGateway, 'services'>,
  deps: Partial<BackupDeps> = {},
): Promise<void> {
  const signal = AbortSignal.timeout(60_000)
  return syncBackup({ ...services, signal, ...deps }, { isAsked: true })
}

/** As if so many minutes had passed for the relay: nobody holds its batch, and it need not rest. */
export async function passRelayTime(
  { database: { admin } }: Pick<TestGateway, 'database'>,
  minutes = 2,
): Promise<void> {
  await admin.query(
    `update relay.batches set lease_expires_at = now() - interval '1 second',
       created_at = created_at - make_interval(mins => $1)`,
    [minutes],
  )
  await admin.query(`update relay.status set resting_until = '-infinity'`)
}

/** Events that are neither in the copy nor given up. */
export async function countPending({
  database: { admin },
}: Pick<TestGateway, 'database'>): Promise<number> {
  const { rows } = await admin.query<{ count: number }>(
    `select count(*)::integer as count from backup_outbox
     where backed_up_at is null and quarantined_at is null`,
  )
  return rows[0]?.count ?? -1
}

/** Relays, minute after minute, until nothing waits any more. Throws when that takes too many runs. */
export async function relayUntilQuiet(
  gateway: Pick<TestGateway, 'services' | 'database'>,
  maxRuns = 20,
): Promise<void> {
  for (let run = 0; run < maxRuns; run++) {
    if ((await countPending(gateway)) === 0) return
    await passRelayTime(gateway)
    await relay(gateway)
  }
  throw new Error(`After ${maxRuns} runs ${await countPending(gateway)} events still wait`)
}

/** What the copy lacks, has twice, or should not have. */
export async function complaintsAbout(
  gateway: Pick<TestGateway, 'services' | 'database'>,
  tenants: readonly TestTenant[],
): Promise<string[]> {
  const complaints: string[] = []
  for (const tenant of tenants) {
    const { rows } = await gateway.database.admin.query<{ key: string }>(
      `select v.id || ' ' || v.sha256 as key from content_versions v where v.tenant_id = $1
       union all
       select o.id || ' purge' from backup_outbox o where o.tenant_id = $1 and o.operation = 'purge'`,
      [tenant.id],
    )
    const expected = new Set(rows.map(({ key }) => key))
    const seen = new Set<string>()
    for (const row of await readCopy(gateway, tenant.id)) {
      const key = `${row.snapshot_id} ${row.sha256 ?? row.operation}`
      if (seen.has(key)) complaints.push(`twice: ${key}`)
      if (!expected.has(key)) complaints.push(`stray: ${key}, ${row.operation} v${row.version}`)
      seen.add(key)
    }
    complaints.push(...[...expected.difference(seen)].map((key) => `missing: ${key}`))
  }
  return complaints
}
