import type { EntityManager } from '@mikro-orm/postgresql'
import { step } from '../../lib/failpoints.ts'
import { type Batch, BatchLostError, relayContext, type RelayDeps } from './batch.ts'
import type { Refused } from './cargo.ts'

/** So often an event is tried before it is put aside and somebody has to look at it (H2). */
const maxAttempts = 5

/**
 * Ends a batch: its events are in the copy, and those that were refused travel again. Throws
 * BatchLostError, and changes nothing, when another worker has taken it over.
 */
export function settleBatch(
  deps: RelayDeps,
  batch: Batch,
  refused: readonly Refused[],
): Promise<void> {
  return step('settleBatch', relayContext, () =>
    deps.database.relayTransaction(async (tx) => {
      // First, as whoever claims does.
      await tx.execute(`select from relay.status for update`)
      const ended = await tx.execute<unknown[]>(
        `update relay.batches set state = 'loaded', ended_at = now()
         where id = ? and fence = ? and state = 'open' returning id`,
        [batch.id, batch.fence],
      )
      if (ended.length === 0) throw new BatchLostError()
      await sendAgain(tx, batch, refused)
      await tx.execute(
        `update backup_outbox set backed_up_at = now(), error = null
         where batch_id = ? and backed_up_at is null`,
        [batch.id],
      )
      await tx.execute(
        `update relay.status set last_success_at = now(), failing_since = null, last_error = null,
           resting_until = '-infinity'`,
      )
      await tx.execute(`delete from relay.batches where ended_at < now() - interval '7 days'`)
    }),
  )
}

async function sendAgain(
  tx: EntityManager,
  { id }: Batch,
  refused: readonly Refused[],
): Promise<void> {
  if (refused.length === 0) return
  const rows = refused.map(({ member, error }) => ({
    tenant_id: member.tenantId,
    id: member.eventId,
    error: error.slice(0, 500),
  }))
  await tx.execute(
    `update backup_outbox o set batch_id = null, attempts = o.attempts + 1, error = r.error,
       quarantined_at = case when o.attempts + 1 >= ? then now() end
     from jsonb_to_recordset(?::jsonb) r (tenant_id uuid, id uuid, error text)
     where o.tenant_id = r.tenant_id and o.id = r.id and o.batch_id = ?`,
    [maxAttempts, JSON.stringify(rows), id],
  )
}
