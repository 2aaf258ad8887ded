import type { Database } from '../../platform/postgres/database.ts'
import { enqueue } from '../../platform/tasks.ts'
import { restoreBell } from './restore-bell.ts'

/** In one pass; the others are found by the next. */
const maxJobs = 100

/**
 * Rings again for restores that nobody has in hand: their bell was lost, or their worker has died. Safe
 * to run anywhere, any time: a bell too many finds nothing to do.
 */
export async function ringRestores({
  database,
  signal,
}: {
  database: Database
  signal: AbortSignal
}): Promise<void> {
  const jobs = await database.reads.asSystem().rows<{ tenantId: string; jobId: string }>(
    `select tenant_id as "tenantId", id as "jobId" from restore_jobs
     where status in ('pending', 'running') and lease_expires_at < now()
     order by id limit $1`,
    [maxJobs],
  )
  for (const job of jobs) {
    signal.throwIfAborted()
    await database.transaction(job.tenantId, (tx) =>
      enqueue(tx, restoreBell, job, { key: job.jobId }),
    )
  }
}
