import type { EntityManager } from '@mikro-orm/postgresql'
import { step } from '../../lib/failpoints.ts'
import { newId } from '../../lib/id.ts'
import { type Batch, leaseSeconds, relayContext, type RelayDeps } from './batch.ts'
import {
  isDue,
  maxBatchBytes,
  maxBatchEvents,
  minGapSeconds,
  type Waiting,
} from './batch-policy.ts'

/**
 * Takes up the batch of a worker that has died, or makes a new one when one is due; null when there is
 * nothing to do. Events are found by their state, never by their number: one that commits late is found
 * when it has committed (H3). From here on the batch gains no event.
 */
export function claimBatch(
  { database, config }: RelayDeps,
  { isAsked }: { isAsked: boolean },
): Promise<Batch | null> {
  const intervalMinutes = config.BIGQUERY_SYNC_INTERVAL_MINUTES
  return step('claimBatch', relayContext, () =>
    database.relayTransaction(async (tx) => {
      // One at a time: whoever comes second sees what the first has made.
      const [status] = await tx.execute<{ isResting: boolean; isFresh: boolean }[]>(
        `select resting_until > now() as "isResting",
           last_run_at > now() - make_interval(secs => ?) as "isFresh"
         from relay.status for update`,
        [minGapSeconds],
      )
      // Whoever asks all the time would use up the load jobs of the day on what fails.
      if (status?.isResting && (status.isFresh || !isAsked)) return null
      await tx.execute(`update relay.status set last_run_at = now()`)
      const open = await takeOver(tx)
      if (open !== undefined) return open
      return isDue(await countWaiting(tx), { intervalMinutes, isAsked }) ? makeBatch(tx) : null
    }),
  )
}

/** Null when somebody has the open batch in hand, undefined when there is none. */
async function takeOver(tx: EntityManager): Promise<Batch | null | undefined> {
  const [open] = await tx.execute<(Batch & { isHeld: boolean })[]>(
    `select id, fence + 1 as fence, attempt, rows, events, lease_expires_at > now() as "isHeld"
     from relay.batches where state = 'open'`,
  )
  if (!open || open.isHeld) return open && null
  await tx.execute(
    `update relay.batches set fence = ?, lease_expires_at = now() + make_interval(secs => ?)
     where id = ?`,
    [open.fence, leaseSeconds, open.id],
  )
  return open
}

const pending = `backed_up_at is null and quarantined_at is null and batch_id is null`

async function countWaiting(tx: EntityManager): Promise<Waiting> {
  const [waiting] = await tx.execute<Waiting[]>(
    `select count(*)::integer as events, coalesce(sum(size_bytes), 0)::float8 as bytes,
       coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as "oldestSeconds",
       (
         select coalesce(sum(attempt), 0)::integer from relay.batches
         where ended_at is null or ended_at > now() - interval '24 hours'
       ) as "jobsToday",
       coalesce(extract(epoch from now() - (select max(created_at) from relay.batches)),
         'infinity')::float8 as "gapSeconds"
     from (
       select size_bytes, created_at from backup_outbox where ${pending}
       order by created_at, id limit ?
     ) waiting`,
    [maxBatchEvents],
  )
  if (!waiting) throw new TypeError('An aggregate has one row')
  return waiting
}

/** Materialized: joined to what it updates, a select that locks and skips would run more than once. */
const makeSql = `
  with locked as materialized (
    select tenant_id, id, size_bytes, created_at from backup_outbox where ${pending}
    order by created_at, id limit ? for update skip locked
  ), next as materialized (
    select tenant_id, id,
      sum(size_bytes) over (order by created_at, id) - size_bytes as before_it
    from locked
  ), members as (
    update backup_outbox o set batch_id = ? from next n
    where o.tenant_id = n.tenant_id and o.id = n.id and n.before_it < ?
    returning o.size_bytes
  )
  insert into relay.batches (id, lease_expires_at, events, bytes)
  select ?, now() + make_interval(secs => ?), count(*), sum(size_bytes) from members
  having count(*) > 0
  returning id, fence, attempt, rows, events`

async function makeBatch(tx: EntityManager): Promise<Batch | null> {
  const id = newId()
  const [batch] = await tx.execute<Batch[]>(makeSql, [
    maxBatchEvents,
    id,
    maxBatchBytes,
    id,
    leaseSeconds,
  ])
  return batch ?? null
}
