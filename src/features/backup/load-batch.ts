import { step } from '../../lib/failpoints.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import { type LoadJob, LoadFailedError } from '../../platform/bigquery.ts'
import { snapshotTable } from '../../platform/recovery-copy/snapshot-tables.ts'
import { daysOf } from '../../platform/bigquery/days.ts'
import { findTenantDays } from '../tenancy/find-tenant-days.ts'
import { type Batch, BatchLostError, loadJobIdOf, relayContext, type RelayDeps } from './batch.ts'
import { loadedOfBatch, removePurged } from './copy-queries.ts'
import type { Cargo, Place, Refused } from './cargo.ts'

/**
 * Brings the rows of a batch to the copy, once: what becomes of a job whose answer was lost is looked
 * up by its id. Answers the events that are not there afterwards. Throws LoadFailedError, with a new
 * attempt noted, when the job brought nothing, UpstreamError when that is not known.
 */
export async function loadBatch(
  deps: RelayDeps,
  batch: Batch,
  { lines, refused }: Cargo,
): Promise<Refused[]> {
  // Unless somebody was about to bring rows: an empty job then takes the place of his, for he may wake
  // when the contents of the batch have been purged from the copy.
  if (lines.length === 0 && batch.rows === null) return refused
  await noteRows(deps, batch, lines.length)
  const job = {
    id: loadJobIdOf(batch),
    body: lines.map(({ json }) => json),
    // Who is refused is found out afterwards; the others need not wait for them.
    maxBadRecords: lines.length,
  }
  const outputRows = await submit(deps, batch, job)
  // The job may be that of whoever had the batch before, who may have read other rows than we have.
  const isOurs = batch.rows === null
  if (isOurs && outputRows === lines.length) return refused
  await checkTable(deps, batch, outputRows)
  return findRefused(deps, batch, { lines, refused })
}

async function submit(deps: RelayDeps, batch: Batch, job: LoadJob): Promise<number> {
  const { bigquery, signal } = deps
  try {
    const load = () => bigquery.load(snapshotTable, job, signal)
    const { outputRows } = await step('load', relayContext, load)
    return outputRows
  } catch (error) {
    if (!(error instanceof LoadFailedError)) throw error
    await checkTable(deps, batch, 0)
    await nextAttempt(deps, batch)
    throw error
  }
}

/** A table that has changed refuses every row: that is no fault of theirs (H9). */
async function checkTable(deps: RelayDeps, batch: Batch, outputRows: number): Promise<void> {
  try {
    await deps.bigquery.check(snapshotTable, deps.signal)
  } catch (error) {
    if (outputRows === 0) await nextAttempt(deps, batch)
    throw error
  }
}

/** Noted before the job may exist, so that whoever takes over looks for it. */
async function noteRows(
  { database }: RelayDeps,
  { id, fence }: Batch,
  rows: number,
): Promise<void> {
  const noted = await step('noteRows', relayContext, () =>
    database.relayTransaction((tx) =>
      tx.execute<unknown[]>(
        `update relay.batches set rows = ? where id = ? and fence = ? and state = 'open' returning id`,
        [rows, id, fence],
      ),
    ),
  )
  if (noted.length === 0) throw new BatchLostError()
}

async function nextAttempt({ database }: RelayDeps, { id, fence }: Batch): Promise<void> {
  await database.relayTransaction((tx) =>
    tx.execute(
      `update relay.batches set attempt = attempt + 1, rows = null where id = ? and fence = ?`,
      [id, fence],
    ),
  )
}

/** A query is one tenant's, and a batch may have events of many. */
const queriesAtOnce = 8

/** Those whose rows are not there, whoever brought them. */
async function findRefused(
  deps: RelayDeps,
  batch: Batch,
  { lines, refused }: Cargo,
): Promise<Refused[]> {
  const loaded = new Set<string>()
  const places = [...lines, ...refused.flatMap(({ place }) => place ?? [])]
  await mapLimit([...byTenant(places)], queriesAtOnce, async ([tenantId, own]) => {
    const { rows } = await step('findLoaded', relayContext, () =>
      deps.bigquery.query(
        loadedOfBatch,
        { tenantId, ...daysOf(own.map(({ at }) => at)) },
        { batch: batch.id },
        { signal: deps.signal },
      ),
    )
    for (const { snapshotId } of rows) loaded.add(snapshotId)
  })
  const lost = lines.filter(({ snapshotId }) => !loaded.has(snapshotId))
  return [
    ...refused.filter(({ place }) => !place || !loaded.has(place.snapshotId)),
    ...lost.map(({ member }) => ({ member, error: 'BigQuery refused its row' })),
  ]
}

/** Removes what was purged from the copy, after the load: rows that came before it are all there. */
export async function removePurgedCopies(deps: RelayDeps, { lines }: Cargo): Promise<void> {
  const purges = lines.filter(({ member }) => member.isPurge)
  for (const [tenantId, own] of byTenant(purges)) {
    const contents = own.map(({ member }) => member.contentId)
    const reads = deps.database.reads.forTenant(tenantId, undefined, deps.signal)
    const days = await findTenantDays(reads)
    await step('removePurgedCopies', relayContext, () =>
      deps.bigquery.query(
        removePurged,
        { tenantId, ...days },
        { contents },
        { signal: deps.signal, timeoutMs: 60_000 },
      ),
    )
  }
}

function byTenant(places: readonly Place[]): Map<string, Place[]> {
  return Map.groupBy(places, ({ member }) => member.tenantId)
}
