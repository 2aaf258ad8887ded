import type { BigQuery } from '../../platform/bigquery.ts'
import type { Config } from '../../platform/config.ts'
import type { Log } from '../../platform/log.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'
import type { RestoreJob } from './restore-job.entity.ts'

/** What a worker brings along. */
export interface RestoreDeps {
  database: Database
  zerodb: ZeroDb
  newZeroDbProject: ZeroDb | null
  bigquery: BigQuery | null
  config: Pick<Config, 'ZERODB_MAX_IN_FLIGHT'>
  log: Log
  /** Ends the work after the page in hand. */
  signal: AbortSignal
  /** How long a neighbour that is away is waited for; two minutes unless given. */
  patienceMs?: number
  /** Put back together at first, and repeated together by whoever takes over; a thousand unless given. */
  versionsPerPage?: number
}

/** One worker's work on one restore. */
export interface RestoreRun {
  tenantId: string
  /** In the hands of this worker: `attempts` is its fence. */
  job: RestoreJob
  database: Database
  reads: TenantReads
  /** Where the documents go. */
  target: ZeroDb
  /** Tables that the target has; in others nothing can be. */
  tables: ReadonlySet<string>
  bigquery: BigQuery
  /** Contents of PostgreSQL that the copy knows to be purged: nothing of them comes back. */
  purgedIds: readonly string[]
  insertsAtOnce: number
  patienceMs: number
  versionsPerPage: number
  /** Aborts when the worker is to stop, or has lost the restore. */
  signal: AbortSignal
}

/** How long a worker that is not heard of keeps a restore; by the clock of PostgreSQL. */
export const leaseSeconds = 5
export const renewEveryMs = 1_000

/** Another worker has taken the restore over. */
export class RestoreLostError extends Error {
  override readonly name = 'RestoreLostError'
}
