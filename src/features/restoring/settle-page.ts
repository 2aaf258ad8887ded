import { leaseSeconds, RestoreLostError, type RestoreRun } from './restore-run.ts'
import type { RestoreTally } from './restore-tally.ts'

/** How far the restore has come, in one statement: whoever goes on does so after `lastVersionId`. */
export async function settlePage(
  { database, tenantId, job }: Pick<RestoreRun, 'database' | 'tenantId' | 'job'>,
  lastVersionId: string,
  tally: RestoreTally,
): Promise<void> {
  const { bodies, history } = tally
  const settled = await database.transaction(tenantId, (tx) =>
    tx.execute<unknown[]>(
      `update restore_jobs set last_version_id = ?, progress = ?, restored = ?, skipped = ?,
         mismatched = ?, restored_bytes = ?, report = ?::jsonb, fruitless = 0,
         lease_expires_at = now() + make_interval(secs => ?)
       where tenant_id = ? and id = ? and attempts = ? and status = 'running' returning id`,
      [
        lastVersionId,
        tally.versions,
        bodies.restored + history.restored,
        bodies.there + history.there,
        bodies.missing + history.missing,
        tally.restoredBytes,
        JSON.stringify(tally),
        leaseSeconds,
        tenantId,
        job.id,
        job.attempts,
      ],
    ),
  )
  if (settled.length === 0) throw new RestoreLostError()
}
