import { UpstreamError } from '../../lib/errors.ts'
import { LoadFailedError } from '../../platform/bigquery.ts'
import type { Batch, RelayDeps } from './batch.ts'

/** Rests a quarter of the time it has been failing: 5 seconds at first, 5 minutes at most. */
const restSql = `least(300, greatest(5, extract(epoch from now() - coalesce(failing_since, now())) / 4))`

/** Lets go of a batch, and notes why and since when nothing gets through. */
export async function recordFailure(
  { database, log }: RelayDeps,
  { id, fence }: Batch,
  error: unknown,
): Promise<void> {
  log.error({ err: error, batch: id }, 'the recovery copy is not being written')
  await database.relayTransaction(async (tx) => {
    // First, as whoever claims does.
    await tx.execute(`select from relay.status for update`)
    const released = await tx.execute<unknown[]>(
      `update relay.batches set lease_expires_at = now() where id = ? and fence = ? returning id`,
      [id, fence],
    )
    // Of whoever has it now, nobody knows yet how he fares.
    if (released.length === 0) return
    await tx.execute(
      `update relay.status set last_error = ?, failing_since = coalesce(failing_since, now()),
         resting_until = now() + make_interval(secs => ${restSql})`,
      [describe(error)],
    )
  })
}

/** For people who may not see what a neighbour says: the log has it all. */
function describe(error: unknown): string {
  if (error instanceof LoadFailedError) return `A load job failed: ${error.reason}.`
  if (!(error instanceof UpstreamError)) return 'The gateway itself failed: its log says how.'
  const { neighbour, failure, message } = error
  if (neighbour !== 'BigQuery') return `${neighbour} cannot be read: ${failure}.`
  if (message.startsWith('BigQuery: the table '))
    return `${message.slice('BigQuery: '.length)}. Run: gateway setup`
  if (failure === 'rejected') {
    return 'BigQuery refuses what we ask: check the account’s roles, the dataset and the tables.'
  }
  if (failure === 'throttled') return 'BigQuery takes no more for now: a quota is used up.'
  return `BigQuery cannot be reached: ${failure}.`
}
