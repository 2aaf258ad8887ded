import type { EntityManager } from '@mikro-orm/postgresql'
import { announceJob } from './announce-job.ts'

/**
 * How a job ends: as whoever stopped it wanted, else by what became of its items. `completed_at` is
 * set once nothing is open, and only then.
 */
const finishSql = `
  update content_generation_jobs j set
    status = case
      when j.status = 'cancelling' then 'cancelled'
      when j.error_code is not null then 'failed'
      when j.progress = j.target_count then 'completed'
      when j.progress > 0 then 'completed_with_errors'
      else 'failed'
    end,
    error_code = coalesce(j.error_code, worst.error_code),
    error_message = coalesce(j.error_message, worst.error_message),
    completed_at = now(), lease_expires_at = '-infinity'
  from (select 1) always left join lateral (
    select i.error_code, i.error_message from generation_items i
    where i.tenant_id = ? and i.job_id = ? and i.state = 'failed'
    group by i.error_code, i.error_message order by count(*) desc, min(i.seq) limit 1
  ) worst on true
  where j.tenant_id = ? and j.id = ? and j.status in ('pending', 'running', 'cancelling')
    and not exists (
      select from generation_items i
      where i.tenant_id = ? and i.job_id = ? and i.state in ('pending', 'running')
    )
  returning j.target_count - j.progress as unmade, j.counted_at as "countedAt"`

/**
 * Ends a job of which no item is open any more, in the caller's transaction, which has locked its row;
 * otherwise does nothing. What was not made does not count against the month in which it was counted.
 * Answers whether the job ended now.
 */
export async function finishJob(
  tx: EntityManager,
  tenantId: string,
  jobId: string,
): Promise<boolean> {
  const own = [tenantId, jobId]
  const [finished] = await tx.execute<{ unmade: number; countedAt: string }[]>(finishSql, [
    ...own,
    ...own,
    ...own,
  ])
  if (!finished) return false
  const { unmade, countedAt } = finished
  if (unmade > 0) {
    await tx.execute(
      `update generation_usage set items = greatest(items - ?, 0)
       where tenant_id = ? and month = date_trunc('month', ?::timestamptz at time zone 'UTC')::date`,
      [unmade, tenantId, countedAt],
    )
  }
  await announceJob(tx, tenantId, jobId)
  return true
}
