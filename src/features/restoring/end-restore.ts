import { StartupError, UpstreamError } from '../../lib/errors.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { RestoreJob } from './restore-job.entity.ts'
import type { RestoreTally } from './restore-tally.ts'

interface EndDeps {
  database: Database
  tenantId: string
}

/** Ends a restore that has come to its last version, unless another worker has taken it over. */
export async function endRestore(
  { database, tenantId }: EndDeps,
  { id, attempts }: RestoreJob,
  tally: RestoreTally,
): Promise<void> {
  const isComplete = tally.bodies.missing + tally.history.missing === 0
  await database.transaction(tenantId, (tx) =>
    tx.execute(
      `update restore_jobs set status = ?, completed_at = now(), report = ?::jsonb,
         target_count = progress, lease_expires_at = '-infinity'
       where tenant_id = ? and id = ? and attempts = ? and status = 'running'`,
      [
        isComplete ? 'completed' : 'completed_with_errors',
        JSON.stringify(tally),
        tenantId,
        id,
        attempts,
      ],
    ),
  )
}

/** Gives a restore up, for a reason that waiting does not change. */
export async function failRestore(
  { database, tenantId }: EndDeps,
  { id, attempts }: RestoreJob,
  error: unknown,
): Promise<void> {
  await database.transaction(tenantId, (tx) =>
    tx.execute(
      `update restore_jobs set status = 'failed', completed_at = now(), error_message = ?,
         lease_expires_at = '-infinity'
       where tenant_id = ? and id = ? and attempts = ? and status = 'running'`,
      [describe(error), tenantId, id, attempts],
    ),
  )
}

const goOn = 'What was put back stays. Restore again: what is there by then is only looked at.'

/** For people who may not see what a neighbour says: the log has it all. */
function describe(error: unknown): string {
  if (error instanceof StartupError) return `${error.message} ${goOn}`
  if (!(error instanceof UpstreamError)) return `It met a fault of ours; the log has it. ${goOn}`
  const { neighbour, failure } = error
  if (failure === 'rejected' && neighbour === 'BigQuery') {
    return `BigQuery refuses what we ask: check the account’s roles, and run: gateway setup. ${goOn}`
  }
  if (failure === 'rejected' || failure === 'malformed') {
    return `${neighbour} does not do what we ask (${failure}): check its address, project and credential. ${goOn}`
  }
  return `${neighbour} cannot be reached (${failure}): wait until it is back. ${goOn}`
}
