import type { EntityManager } from '@mikro-orm/postgresql'
import { enqueue } from '../../platform/tasks.ts'
import { announceJob } from '../generation/announce-job.ts'
import { finishJob } from '../generation/finish-job.ts'
import { generationBell } from '../generation/generation-bell.ts'
import type { ClaimedItem, ClaimedJob, JobDeps } from './job-run.ts'

/**
 * Gives back what a worker leaves undone and the job's own lease. What is given back is pending again,
 * or skipped when the job is to end; a job with nothing left open ends here. A worker that is to stop
 * rings for the others, who need not wait for the sweeper.
 */
export function releaseJob(
  { database, tenantId, signal }: JobDeps & { signal: AbortSignal },
  job: ClaimedJob,
  items: Iterable<ClaimedItem>,
): Promise<void> {
  const held = [...items]
  return database.transaction(tenantId, async (tx) => {
    const [row] = await tx.execute<{ stopping: boolean }[]>(
      `update content_generation_jobs set lease_expires_at = '-infinity'
       where tenant_id = ? and id = ? and attempts = ? and status in ('running', 'cancelling')
       returning status = 'cancelling' or error_code is not null as stopping`,
      [tenantId, job.id, job.attempts],
    )
    if (!row) return
    await release(tx, tenantId, job.id, held, row.stopping)
    if (await finishJob(tx, tenantId, job.id)) return
    if (held.length > 0) await announceJob(tx, tenantId, job.id)
    if (!signal.aborted) return
    await enqueue(tx, generationBell, { tenantId, jobId: job.id }, { key: job.id })
  })
}

/** When the job is to end, also what workers that died have left of it. */
async function release(
  tx: EntityManager,
  tenantId: string,
  jobId: string,
  held: readonly ClaimedItem[],
  stopping: boolean,
): Promise<void> {
  const released = await tx.execute<unknown[]>(
    `update generation_items i set state = ?, drafted = false, partial_text = null,
       lease_expires_at = '-infinity'
     where i.tenant_id = ? and i.job_id = ? and i.state = 'running' and (
       (i.seq, i.attempt) in (select * from unnest(?::integer[], ?::integer[]))
       or (? and i.lease_expires_at <= now())
     )
     returning i.seq`,
    [
      stopping ? 'skipped' : 'pending',
      tenantId,
      jobId,
      `{${held.map(({ seq }) => seq).join(',')}}`,
      `{${held.map(({ attempt }) => attempt).join(',')}}`,
      stopping,
    ],
  )
  if (!stopping || released.length === 0) return
  await tx.execute(
    `update content_generation_jobs set skipped_count = skipped_count + ?
     where tenant_id = ? and id = ?`,
    [released.length, tenantId, jobId],
  )
}
