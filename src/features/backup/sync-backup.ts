import { setTimeout as wait } from 'node:timers/promises'
import { UpstreamError } from '../../lib/errors.ts'
import { LoadFailedError } from '../../platform/bigquery.ts'
import {
  type BackupDeps,
  type Batch,
  BatchLostError,
  leaseSeconds,
  loadJobIdOf,
  type RelayDeps,
  renewEveryMs,
} from './batch.ts'
import { claimBatch } from './claim-batch.ts'
import { loadBatch, removePurgedCopies } from './load-batch.ts'
import { readBatch } from './read-batch.ts'
import { recordFailure } from './record-failure.ts'
import { settleBatch } from './settle-batch.ts'

/**
 * Brings what has changed to the recovery copy, batch after batch, until nothing is due. Safe to run
 * anywhere, any time, and to be killed anywhere: a batch is fixed before it is sent and is found again by
 * its load job's id, so each version arrives once. A failure is noted and the copy rests for a while;
 * `isAsked` is somebody who does not want to wait.
 */
export async function syncBackup(deps: BackupDeps, { isAsked = false } = {}): Promise<void> {
  const { bigquery, config } = deps
  if (!bigquery || !config.BIGQUERY_SYNC_ENABLED) return
  const relay = { ...deps, bigquery }
  for (let first = true; !deps.signal.aborted; first = false) {
    const batch = await claimBatch(relay, { isAsked: isAsked && first })
    if (!batch) return
    try {
      await carry(relay, batch)
    } catch (error) {
      if (error instanceof BatchLostError) return
      if (deps.signal.aborted) return await release(relay, batch)
      await recordFailure(relay, batch, error)
      if (!(error instanceof UpstreamError || error instanceof LoadFailedError)) throw error
      return
    }
  }
}

async function carry(deps: RelayDeps, batch: Batch): Promise<void> {
  await using lease = keepLease(deps, batch)
  const relay = { ...deps, signal: AbortSignal.any([deps.signal, lease.lost]) }
  try {
    // Read again even if its job is known to have run: what came of each event is seen by its row.
    const cargo = await readBatch(relay, batch)
    const refused = await loadBatch(relay, batch, cargo)
    await removePurgedCopies(relay, cargo)
    await settleBatch(relay, batch, refused)
    const { lines } = cargo
    const told = { job: loadJobIdOf(batch), events: batch.events, rows: lines.length }
    deps.log.info(told, 'brought versions to the copy')
  } catch (error) {
    throw lease.lost.aborted ? new BatchLostError() : error
  }
}

/** Renews the lease until disposed; `lost` aborts when somebody else has taken over. */
function keepLease({ database }: RelayDeps, { id, fence }: Batch) {
  const over = new AbortController()
  const lost = new AbortController()
  const renewing = (async () => {
    for (;;) {
      await wait(renewEveryMs, undefined, { signal: over.signal }).catch(() => {})
      if (over.signal.aborted) return
      const renewed = await database
        .relayTransaction((tx) => tx.execute<unknown[]>(renewSql, [leaseSeconds, id, fence]))
        // PostgreSQL is away: whoever comes first when it is back has the batch.
        .catch(() => null)
      if (renewed?.length === 0) return lost.abort()
    }
  })()
  return {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      over.abort()
      await renewing
    },
  }
}

const renewSql = `
  update relay.batches set lease_expires_at = now() + make_interval(secs => ?)
  where id = ? and fence = ? and state = 'open' returning id`

/** So that the next worker need not wait for the lease to run out. */
async function release({ database }: RelayDeps, { id, fence }: Batch): Promise<void> {
  await database
    .relayTransaction((tx) =>
      tx.execute(`update relay.batches set lease_expires_at = now() where id = ? and fence = ?`, [
        id,
        fence,
      ]),
    )
    .catch(() => {})
}
