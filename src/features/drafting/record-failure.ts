import type { EntityManager } from '@mikro-orm/postgresql'
import type { ModelUsage } from '../../platform/models.ts'
import { announceJob } from '../generation/announce-job.ts'
import type { StopReason } from '../generation/stop-job.ts'
import { lockPlaces } from './claim-items.ts'
import type { ClaimedItem, ClaimedJob, JobDeps } from './job-run.ts'

/** A call that brought nothing. */
export interface Failure {
  reason: StopReason
  usage: ModelUsage
  /** No further call is made for this item. */
  final: boolean
}

/**
 * Books what a useless answer has cost, and ends the item when it was the last one, or gives it back
 * when another call would pass the job's `maxCostUsd` now; false when the item is not, or no longer,
 * this worker's.
 */
export function recordFailure(
  { database, tenantId }: JobDeps,
  job: ClaimedJob,
  item: ClaimedItem,
  { reason, usage, final }: Failure,
): Promise<boolean> {
  const { tokensIn, tokensOut, costUsd } = usage
  return database.transaction(tenantId, async (tx) => {
    const own = [tenantId, job.id]
    // Calls begun beside it count too.
    if (job.maxCostUsd != null && !final) await lockPlaces(tx, tenantId)
    await tx.execute(
      `select from content_generation_jobs where tenant_id = ? and id = ? for update`,
      own,
    )
    const updated = await tx.execute<unknown[]>(
      `update generation_items set failures = failures + 1, error_code = ?, error_message = ?,
         state = case when ? then 'failed' else state end, partial_text = null,
         cost_usd = cost_usd + ?::numeric, tokens_in = tokens_in + ?, tokens_out = tokens_out + ?
       where tenant_id = ? and job_id = ? and seq = ? and attempt = ? and state = 'running'
       returning seq`,
      [
        reason.code,
        reason.message,
        final,
        costUsd,
        tokensIn,
        tokensOut,
        ...own,
        item.seq,
        item.attempt,
      ],
    )
    if (updated.length === 0) return false
    await tx.execute(
      `update content_generation_jobs set failed_count = failed_count + ?,
         total_cost_usd = total_cost_usd + ?::numeric, tokens_in = tokens_in + ?,
         tokens_out = tokens_out + ?
       where tenant_id = ? and id = ?`,
      [final ? 1 : 0, costUsd, tokensIn, tokensOut, ...own],
    )
    const isGivenBack = !final && (await giveBack(tx, own, item))
    const sequence = await announceJob(tx, tenantId, job.id)
    if (final) {
      await tx.execute(
        `update generation_items set sequence = ? where tenant_id = ? and job_id = ? and seq = ?`,
        [sequence, ...own, item.seq],
      )
    }
    return !isGivenBack
  })
}

/**
 * True when the limit pays for what is under way only without this item; costs are booked already. Of
 * a job that is to end nothing is given back: who stopped it has skipped what was pending.
 */
async function giveBack(
  tx: EntityManager,
  own: readonly string[],
  { seq }: ClaimedItem,
): Promise<boolean> {
  const given = await tx.execute<unknown[]>(
    `update generation_items g set state = 'pending', lease_expires_at = '-infinity'
     from content_generation_jobs j
     where j.tenant_id = ? and j.id = ? and g.tenant_id = j.tenant_id and g.job_id = j.id
       and g.seq = ? and j.status = 'running' and j.error_code is null
       and j.max_cost_usd < j.total_cost_usd + j.estimated_item_cost_usd * (
         select count(*) from generation_items i
         where i.tenant_id = j.tenant_id and i.job_id = j.id and i.state = 'running'
           and i.lease_expires_at > now()
       )
     returning g.seq`,
    [...own, seq],
  )
  return given.length > 0
}
