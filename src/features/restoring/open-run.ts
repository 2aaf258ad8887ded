import { StartupError } from '../../lib/errors.ts'
import type { BigQuery } from '../../platform/bigquery.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { setUpTables } from '../content/set-up-tables.ts'
import { findTenantDays } from '../tenancy/find-tenant-days.ts'
import { countWantedVersions } from './list-versions.ts'
import type { RestoreJob } from './restore-job.entity.ts'
import { purgedContents } from './restore-queries.ts'
import { type RestoreDeps, RestoreLostError, type RestoreRun } from './restore-run.ts'
import { withPatience } from './with-patience.ts'

const defaultPatienceMs = 120_000
const defaultVersionsPerPage = 1_000

/**
 * Everything a restore needs before its first page: the target's tables, and what the copy knows to be
 * purged. Throws UpstreamError, and StartupError where something is not configured.
 */
export async function openRun(
  { database, patienceMs = defaultPatienceMs, ...services }: RestoreDeps,
  job: RestoreJob,
  signal: AbortSignal,
): Promise<RestoreRun> {
  const { tenantId } = job
  const { bigquery } = services
  const target = targetOf(services, job)
  if (!bigquery) throw new StartupError(['There is no recovery copy: set BIGQUERY_PROJECT_ID.'])
  const waiting = { patienceMs, signal }
  // Not aborted with the signal: the page in hand is settled all the same.
  const reads = database.reads.forTenant(tenantId)
  const tables = await withPatience(waiting, () =>
    job.target === 'dry_run' ? target.listTables({ signal }) : setUpTables(target, signal),
  )
  const purgedIds = await withPatience(waiting, () => findPurged(bigquery, reads, job, signal))
  const run = {
    tenantId,
    job,
    database,
    reads,
    target,
    tables: new Set(tables),
    bigquery,
    purgedIds,
    insertsAtOnce: services.config.ZERODB_MAX_IN_FLIGHT,
    patienceMs,
    versionsPerPage: services.versionsPerPage ?? defaultVersionsPerPage,
    signal,
  }
  if (job.targetCount === 0) await noteTargetCount(run)
  return run
}

function targetOf(
  { zerodb, newZeroDbProject }: Pick<RestoreDeps, 'zerodb' | 'newZeroDbProject'>,
  { target }: RestoreJob,
) {
  if (target !== 'new_zerodb_project') return zerodb
  if (newZeroDbProject) return newZeroDbProject
  throw new StartupError(['There is no other project: set RESTORE_ZERODB_PROJECT_ID.'])
}

/** It reads every day that the tenant has. */
const purgedMs = 60_000

/** An older PostgreSQL does not know what was purged after it was saved; the copy does. */
async function findPurged(
  bigquery: BigQuery,
  reads: TenantReads,
  { contentIds, brandId }: RestoreJob,
  signal: AbortSignal,
): Promise<string[]> {
  const { tenantId } = reads
  const days = await findTenantDays(reads)
  const { rows } = await bigquery.query(
    purgedContents,
    { tenantId, ...days },
    {},
    { signal, timeoutMs: purgedMs },
  )
  const found = await reads.rows<{ id: string }>(
    `select id from content_items where tenant_id = $1 and id = any($2::uuid[])
       and ($3::uuid[] is null or id = any($3::uuid[])) and ($4::uuid is null or brand_id = $4)
     order by id`,
    [tenantId, rows.map(({ contentId }) => contentId), contentIds ?? null, brandId ?? null],
  )
  return found.map(({ id }) => id)
}

async function noteTargetCount({
  database,
  reads,
  tenantId,
  job,
  purgedIds,
}: RestoreRun): Promise<void> {
  const count = await countWantedVersions(reads, job, purgedIds)
  const noted = await database.transaction(tenantId, (tx) =>
    tx.execute<unknown[]>(
      `update restore_jobs set target_count = ?
       where tenant_id = ? and id = ? and attempts = ? and status = 'running' returning id`,
      [count, tenantId, job.id, job.attempts],
    ),
  )
  if (noted.length === 0) throw new RestoreLostError()
}
