import type { Config } from '../../platform/config.ts'
import type { BigQuery } from '../../platform/bigquery.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'

/** How old the copy may be, and how long a restore may take, in seconds (E-189). */
export const rpoSeconds = 15 * 60
export const rtoSeconds = 60 * 60

/** How the copy of one tenant stands. */
export interface BackupStatus {
  enabled: boolean
  /** Versions and purges that are not in the copy yet. */
  unsyncedCount: number
  /** Of those, the ones that were given up. */
  refusedCount: number
  oldestUnsyncedAt: Date | null
  /** Age of the oldest of them; 0 when there are none. */
  lagSeconds: number
  /** To one decimal; 100 when there is nothing to copy. */
  percentSynced: number
  /** Of the relay, which works for all tenants. */
  lastRunAt: Date | null
  lastSuccessAt: Date | null
  failingSince: Date | null
  lastError: string | null
  intervalMinutes: number
  batchSize: number
}

export interface BackupStatusDeps {
  reads: TenantReads
  database: Pick<Database, 'reads'>
  bigquery: BigQuery | null
  config: Pick<
    Config,
    'BIGQUERY_SYNC_ENABLED' | 'BIGQUERY_SYNC_INTERVAL_MINUTES' | 'BIGQUERY_SYNC_BATCH_SIZE'
  >
}

const countsSql = `
  select waiting.*, case when total.events = 0 then 100
    else round(100.0 * (total.events - waiting."unsyncedCount") / total.events, 1) end::float8
    as "percentSynced"
  from (
    select count(*)::integer as "unsyncedCount",
      count(quarantined_at)::integer as "refusedCount", min(created_at) as "oldestUnsyncedAt",
      coalesce(extract(epoch from now() - min(created_at)), 0)::integer as "lagSeconds"
    from backup_outbox where tenant_id = $1 and backed_up_at is null
  ) waiting cross join (
    select count(*) as events from backup_outbox where tenant_id = $1
  ) total`

type Counts = Pick<
  BackupStatus,
  'unsyncedCount' | 'refusedCount' | 'oldestUnsyncedAt' | 'lagSeconds' | 'percentSynced'
>

export type RelayStatus = Pick<
  BackupStatus,
  'lastRunAt' | 'lastSuccessAt' | 'failingSince' | 'lastError'
>

/** How the relay has fared, whoever's events it carried. */
export async function findRelayStatus({ reads }: Pick<Database, 'reads'>): Promise<RelayStatus> {
  const [status] = await reads.asSystem().rows<RelayStatus>(
    `select last_run_at as "lastRunAt", last_success_at as "lastSuccessAt",
       failing_since as "failingSince", last_error as "lastError" from relay.status`,
    [],
  )
  return status ?? { lastRunAt: null, lastSuccessAt: null, failingSince: null, lastError: null }
}

export async function findBackupStatus(deps: BackupStatusDeps): Promise<BackupStatus> {
  const { reads, database, bigquery, config } = deps
  const [[counts], relay] = await Promise.all([
    reads.rows<Counts>(countsSql, [reads.tenantId]),
    findRelayStatus(database),
  ])
  if (!counts) throw new TypeError('An aggregate has one row')
  return {
    enabled: bigquery !== null && config.BIGQUERY_SYNC_ENABLED,
    ...counts,
    ...relay,
    intervalMinutes: config.BIGQUERY_SYNC_INTERVAL_MINUTES,
    batchSize: config.BIGQUERY_SYNC_BATCH_SIZE,
  }
}
