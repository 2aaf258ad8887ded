import { setTimeout as wait } from 'node:timers/promises'
import { UpstreamError } from '../../lib/errors.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { type RestoreJob, RestoreJobSchema } from './restore-job.entity.ts'
import { leaseSeconds, renewEveryMs, RestoreLostError } from './restore-run.ts'

/** More often in a row a restore is not taken up: it may be what kills its workers. */
const maxFruitless = 20

interface ClaimDeps {
  database: Database
  tenantId: string
}

/**
 * Takes the lease of an unfinished restore that no living worker has; null when there is nothing to take,
 * also for a restore of another tenant.
 */
export function claimRestore(
  { database, tenantId }: ClaimDeps,
  jobId: string,
): Promise<RestoreJob | null> {
  return database.transaction(tenantId, async (tx) => {
    await tx.execute(
      `update restore_jobs set status = 'failed', completed_at = now(),
         error_message = 'Every worker that tried it died. See their logs, and begin another one.'
       where tenant_id = ? and id = ? and status in ('pending', 'running')
         and lease_expires_at < now() and fruitless >= ?`,
      [tenantId, jobId, maxFruitless],
    )
    const [job] = await tx.execute<RestoreJob[]>(
      `update restore_jobs j set attempts = attempts + 1, fruitless = fruitless + 1,
         status = 'running', started_at = coalesce(started_at, now()),
         lease_expires_at = now() + make_interval(secs => ?)
       where tenant_id = ? and id = ? and status in ('pending', 'running')
         and lease_expires_at < now()
       returning ${selectList(RestoreJobSchema, 'j')}`,
      [leaseSeconds, tenantId, jobId],
    )
    return job ?? null
  })
}

/** Gives the lease back, so that the next worker need not wait; a stop is no sign of a fault. */
export async function releaseRestore(
  { database, tenantId }: ClaimDeps,
  { id, attempts }: RestoreJob,
): Promise<void> {
  await database.transaction(tenantId, (tx) =>
    tx.execute(
      `update restore_jobs set lease_expires_at = '-infinity', fruitless = greatest(0, fruitless - 1)
       where tenant_id = ? and id = ? and attempts = ? and status = 'running'`,
      [tenantId, id, attempts],
    ),
  )
}

/** A lease that is renewed each second until disposed. */
export interface HeldLease extends AsyncDisposable {
  /** Aborts, with the reason, when another worker has taken over or nothing can be renewed. */
  lost: AbortSignal
}

export function holdLease(deps: ClaimDeps, job: RestoreJob): HeldLease {
  const [stop, lost] = [new AbortController(), new AbortController()]
  const renewing = keepRenewing(deps, job, stop.signal, (reason) => lost.abort(reason))
  return {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await renewing
    },
  }
}

async function keepRenewing(
  { database, tenantId }: ClaimDeps,
  { id, attempts }: RestoreJob,
  stop: AbortSignal,
  onLost: (reason: unknown) => void,
): Promise<void> {
  for (;;) {
    await wait(renewEveryMs, undefined, { signal: stop }).catch(() => {})
    if (stop.aborted) return
    try {
      const renewed = await database.transaction(tenantId, (tx) =>
        tx.execute<unknown[]>(
          `update restore_jobs set lease_expires_at = now() + make_interval(secs => ?)
           where tenant_id = ? and id = ? and attempts = ? and status = 'running' returning id`,
          [leaseSeconds, tenantId, id, attempts],
        ),
      )
      if (renewed.length === 0) return onLost(new RestoreLostError())
    } catch (error) {
      // PostgreSQL is away: whoever comes first when it is back has the restore.
      if (!(error instanceof UpstreamError)) return onLost(error)
    }
  }
}
