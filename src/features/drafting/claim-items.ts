import type { EntityManager } from '@mikro-orm/postgresql'
import { finishJob } from '../generation/finish-job.ts'
import { callsAtOnce } from '../generation/job-progress.ts'
import { stopJob } from '../generation/stop-job.ts'
import { type ClaimedItem, type ClaimedJob, type JobDeps, leaseSeconds } from './job-run.ts'

/** What a worker may begin, or why it may not. */
export interface Claim {
  items: ClaimedItem[]
  /** `over`: nothing of this job is left for this worker to begin, ever. */
  state: 'claimed' | 'wait' | 'over'
}

export interface ClaimRequest {
  wanted: number
  /** Items that this worker has already, whatever their lease says. */
  held: Iterable<number>
  /** Those of them that have left their place since the last claim. */
  drafted: readonly number[]
}

/**
 * Takes up to `wanted` items that nobody is at work on. Claims of one tenant come one after the other,
 * so that its limit holds across jobs and workers, and jobs that have something to begin share the
 * places. No call is begun that would, by estimate, pass the job's `maxCostUsd`.
 */
export function claimItems(
  { database, tenantId }: JobDeps,
  job: ClaimedJob,
  { wanted, held, drafted }: ClaimRequest,
): Promise<Claim> {
  return database.transaction(tenantId, async (tx) => {
    await lockPlaces(tx, tenantId)
    await markDrafted(tx, tenantId, job, drafted)
    const heldList = `{${[...held].join(',')}}`
    const ours = [tenantId, job.id, job.attempts]
    const limits = [callsAtOnce, callsAtOnce]
    const [room] = await tx.execute<Room[]>(roomSql, [...limits, heldList, ...ours])
    if (!room) return { items: [], state: 'over' }
    if (room.affordable <= 0 && room.open && room.busy === 0) {
      await stopForCost(tx, tenantId, job.id)
      return { items: [], state: 'over' }
    }
    const limit = Math.min(wanted, room.places, room.share, room.affordable)
    const items = limit > 0 ? await take(tx, tenantId, job, heldList, limit) : []
    if (items.length > 0) return { items, state: 'claimed' }
    return { items, state: room.open ? 'wait' : 'over' }
  })
}

/** Keeps everybody else from beginning calls of the tenant; comes before every row of a job. */
export async function lockPlaces(tx: EntityManager, tenantId: string): Promise<void> {
  await tx.execute(`select pg_advisory_xact_lock(hashtextextended(?, 0))`, [
    `generation:${tenantId}`,
  ])
}

interface Room {
  /** Calls that the tenant may still begin. */
  places: number
  /** Of all places, what is left of this job's part while others want some too. */
  share: number
  /** Items of the job that are being written or stored. */
  busy: number
  /** Whether the job has items that somebody has still to begin. */
  open: boolean
  affordable: number
}

/** No row when the lease is lost, the job is to end, or its key was deleted. */
const roomSql = `
  select ? - running.calls as places, running.busy,
    ceil(?::numeric / greatest(wanting.jobs, 1))::integer - running.own_calls as share,
    exists (
      select from generation_items i
      where i.tenant_id = j.tenant_id and i.job_id = j.id and i.state in ('pending', 'running')
        and (i.state = 'pending' or i.lease_expires_at <= now()) and i.seq <> all(?::integer[])
    ) as open,
    case
      when j.max_cost_usd is null then 2147483647
      when j.estimated_item_cost_usd = 0 then
        case when j.total_cost_usd < j.max_cost_usd then 2147483647 else 0 end
      else least(floor((j.max_cost_usd - j.total_cost_usd) / j.estimated_item_cost_usd), 1e9)::integer
        - running.busy
    end as affordable
  from content_generation_jobs j cross join lateral (
    select (count(*) filter (where not drafted))::integer as calls,
      (count(*) filter (where not drafted and job_id = j.id))::integer as own_calls,
      (count(*) filter (where job_id = j.id))::integer as busy
    from generation_items i
    where i.tenant_id = j.tenant_id and i.state = 'running' and i.lease_expires_at > now()
  ) running cross join lateral (
    select count(*) as jobs from content_generation_jobs k
    where k.tenant_id = j.tenant_id and k.status = 'running' and k.lease_expires_at > now()
      and exists (
        select from generation_items i
        where i.tenant_id = k.tenant_id and i.job_id = k.id and i.state = 'pending'
      )
  ) wanting
  where j.tenant_id = ? and j.id = ? and j.attempts = ? and j.status = 'running'
    and j.error_code is null and (j.llm_key_id is not null or not j.own_key)`

async function markDrafted(
  tx: EntityManager,
  tenantId: string,
  job: ClaimedJob,
  drafted: readonly number[],
): Promise<void> {
  if (drafted.length === 0) return
  await tx.execute(
    `update generation_items i set drafted = true from content_generation_jobs j
     where j.tenant_id = ? and j.id = ? and j.attempts = ?
       and i.tenant_id = j.tenant_id and i.job_id = j.id and i.seq = any(?::integer[])
       and i.state = 'running'`,
    [tenantId, job.id, job.attempts, `{${drafted.join(',')}}`],
  )
}

function take(
  tx: EntityManager,
  tenantId: string,
  job: ClaimedJob,
  held: string,
  limit: number,
): Promise<ClaimedItem[]> {
  const own = [tenantId, job.id]
  return tx.execute<ClaimedItem[]>(
    // Materialized: joined as a sub-select it may run more than once, and lock others each time.
    // What dead workers have left comes last, for it may be what they died of.
    `with fresh as materialized (
       select seq from generation_items
       where tenant_id = ? and job_id = ? and state = 'pending'
       order by seq limit ? for update skip locked
     ), left_behind as materialized (
       select seq from generation_items
       where tenant_id = ? and job_id = ? and state = 'running' and lease_expires_at <= now()
         and seq <> all(?::integer[])
       order by attempt, seq limit ? - (select count(*) from fresh) for update skip locked
     ), due as (
       select seq from fresh union all select seq from left_behind
     )
     update generation_items i set state = 'running', drafted = false, attempt = i.attempt + 1,
       lease_expires_at = now() + make_interval(secs => ?)
     from due where i.tenant_id = ? and i.job_id = ? and i.seq = due.seq
     returning i.seq, i.topic, i.content_id as "contentId", i.attempt, i.failures`,
    [...own, limit, ...own, held, limit, leaseSeconds, ...own],
  )
}

async function stopForCost(tx: EntityManager, tenantId: string, jobId: string): Promise<void> {
  const message =
    'The next item would, by estimate, pass maxCostUsd. Raise it in a new job to make the rest.'
  await stopJob(tx, tenantId, jobId, { code: 'COST_LIMIT_REACHED', message })
  await finishJob(tx, tenantId, jobId)
}
