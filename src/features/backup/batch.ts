import type { BigQuery } from '../../platform/bigquery.ts'
import type { Config } from '../../platform/config.ts'
import type { Log } from '../../platform/log.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'

/** What a worker brings along. */
export interface BackupDeps {
  database: Database
  zerodb: ZeroDb
  /** Null where there is none: events wait. */
  bigquery: BigQuery | null
  config: Pick<
    Config,
    'BIGQUERY_SYNC_ENABLED' | 'BIGQUERY_SYNC_INTERVAL_MINUTES' | 'BIGQUERY_SYNC_BATCH_SIZE'
  >
  log: Log
  signal: AbortSignal
}

/** The same where there is a copy to write to. */
export interface RelayDeps extends BackupDeps {
  bigquery: BigQuery
}

/** Events that travel together, in the hands of one worker. */
export interface Batch {
  id: string
  /** Rises with whoever takes it over: who was asleep meanwhile changes nothing any more. */
  fence: number
  /** Rises when a load job is known to have failed: the next one needs another id. */
  attempt: number
  /** Of the load job that is about to be, or was, submitted; null before. */
  rows: number | null
  events: number
}

/** For as long the batch is ours; renewed all the while. */
export const leaseSeconds = 15
export const renewEveryMs = 5_000

/** Another worker has taken the batch over. */
export class BatchLostError extends Error {
  override readonly name = 'BatchLostError'
}

/** Known before the job is submitted: a job of which no answer came is found by it. */
export function loadJobIdOf({ id, attempt }: Batch): string {
  return `content_snapshots_${id}_${attempt}`
}

/** For failpoints: these steps belong to no single tenant. */
export const relayContext = { tenantId: 'relay' }
