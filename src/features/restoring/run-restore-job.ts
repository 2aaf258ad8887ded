import { UpstreamError } from '../../lib/errors.ts'
import { claimRestore, type HeldLease, holdLease, releaseRestore } from './claim-restore.ts'
import { endRestore, failRestore } from './end-restore.ts'
import { openRun } from './open-run.ts'
import type { RestoreJob } from './restore-job.entity.ts'
import { restorePages } from './restore-pages.ts'
import { type RestoreDeps, RestoreLostError } from './restore-run.ts'

/**
 * Takes up a restore and works on it to its end, or until `deps.signal` aborts; nothing happens when it
 * is over, in another worker's hands, or not this tenant's. Whoever dies in it has lost one page of work,
 * and nothing that was put back.
 */
export async function runRestoreJob(
  deps: RestoreDeps,
  { tenantId, jobId }: { tenantId: string; jobId: string },
): Promise<void> {
  const own = { database: deps.database, tenantId }
  const job = await claimRestore(own, jobId)
  if (!job) return
  await using lease = holdLease(own, job)
  try {
    const run = await openRun(deps, job, AbortSignal.any([deps.signal, lease.lost]))
    await endRestore(own, job, await restorePages(run))
  } catch (error) {
    await leave(deps, job, lease, error)
  }
}

async function leave(
  deps: RestoreDeps,
  job: RestoreJob,
  { lost }: HeldLease,
  error: unknown,
): Promise<void> {
  const own = { database: deps.database, tenantId: job.tenantId }
  const reason: unknown = lost.aborted ? lost.reason : error
  if (reason instanceof RestoreLostError) return
  if (deps.signal.aborted) return releaseRestore(own, job)
  // Without PostgreSQL nothing can be noted either: the lease ends by itself.
  if (reason instanceof UpstreamError && reason.neighbour === 'PostgreSQL') throw reason
  deps.log.error({ err: reason, job: job.id }, 'the restore failed')
  await failRestore(own, job, reason)
}
