import { announceJob } from '../generation/announce-job.ts'
import { stopJob } from '../generation/stop-job.ts'
import { type ClaimedItem, type ClaimedJob, type JobDeps, leaseSeconds } from './job-run.ts'
import { keyDeleted } from './refused-key.ts'

/** How a job stands, to the worker that has it. */
export interface Renewed {
  /** Its people, or its own failure, want it to end. */
  stopping: boolean
  /** Somebody watches the texts while they are being written. */
  watched: boolean
}

/**
 * Renews the leases of a job and of its items at work, and shows their `texts` so far to whoever
 * watches; stops the job when its key was deleted. Null when another worker has taken over.
 */
export function renewLeases(
  { database, tenantId }: JobDeps,
  job: ClaimedJob,
  items: Iterable<ClaimedItem>,
  texts: ReadonlyMap<number, string>,
): Promise<Renewed | null> {
  const held = [...items]
  const seqs = `{${held.map(({ seq }) => seq).join(',')}}`
  const attempts = `{${held.map(({ attempt }) => attempt).join(',')}}`
  return database.transaction(tenantId, async (tx) => {
    const [renewed] = await tx.execute<(Renewed & { keyIsDeleted: boolean })[]>(
      `update content_generation_jobs set lease_expires_at = now() + make_interval(secs => ?)
       where tenant_id = ? and id = ? and attempts = ? and status in ('running', 'cancelling')
       returning status = 'cancelling' or error_code is not null as stopping,
         own_key and llm_key_id is null as "keyIsDeleted",
         partial_text_until > now() as watched`,
      [leaseSeconds, tenantId, job.id, job.attempts],
    )
    if (!renewed) return null
    await tx.execute(
      `update generation_items i set lease_expires_at = now() + make_interval(secs => ?),
         partial_text = coalesce(?::jsonb ->> i.seq::text, i.partial_text)
       from unnest(?::integer[], ?::integer[]) as held (seq, attempt)
       where i.tenant_id = ? and i.job_id = ? and i.seq = held.seq and i.attempt = held.attempt
         and i.state = 'running'`,
      [leaseSeconds, JSON.stringify(Object.fromEntries(texts)), seqs, attempts, tenantId, job.id],
    )
    const { watched, stopping, keyIsDeleted } = renewed
    if (keyIsDeleted && !stopping) await stopJob(tx, tenantId, job.id, keyDeleted)
    if (texts.size > 0 || keyIsDeleted) await announceJob(tx, tenantId, job.id)
    return { watched, stopping: stopping || keyIsDeleted }
  })
}
