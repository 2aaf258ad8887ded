import { StorageUnavailableError, UpstreamError } from '../../lib/errors.ts'
import { step } from '../../lib/failpoints.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import { abortWrites } from './abort-writes.ts'
import { beginWrites } from './begin-writes.ts'
import { commitWrites, type Placed, type WriteCompanion } from './commit-writes.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import type { PlannedWrite } from './plan-write.ts'
import type { BatchErrorPolicy, WriteDeps, WriteOutcome } from './write.ts'

/** ZeroDB takes one row a call; this many calls of one batch are under way at once. */
const parallelInserts = 8

/**
 * The write protocol, for one write or many, each with its outcome, in order. Readers see a new
 * version exactly when the last step commits; a crash anywhere leaves work for the sweeper, never a
 * half-written content. With REJECT_ALL the first failure is thrown and nothing is changed.
 */
export async function writeContents(
  deps: WriteDeps,
  writes: readonly PlannedWrite[],
  policy: BatchErrorPolicy,
  companion?: WriteCompanion,
): Promise<WriteOutcome[]> {
  const outcomes = new Map<PlannedWrite, WriteOutcome>()
  const begun = await beginWrites(deps, writes, policy, outcomes)
  const { stored, queued } = await storeDocuments(deps, begun, policy, outcomes)
  await commitWrites(deps, { stored, queued }, policy, outcomes, companion)
  return writes.map((write) => outcomes.get(write) as WriteOutcome)
}

/** No transaction is open here: these calls may take seconds. */
async function storeDocuments(
  deps: WriteDeps,
  writes: readonly PlannedWrite[],
  policy: BatchErrorPolicy,
  outcomes: Map<PlannedWrite, WriteOutcome>,
): Promise<Placed> {
  const stored: PlannedWrite[] = []
  const queued: PlannedWrite[] = []
  const failed = new Map<PlannedWrite, StorageUnavailableError>()
  await mapLimit(writes, parallelInserts, async (write) => {
    try {
      await storeDocument(deps, write)
      stored.push(write)
    } catch (error) {
      if (!(error instanceof UpstreamError) && !deps.signal.aborted) throw error
      if (write.call.onUnavailable === 'QUEUE' && !deps.signal.aborted) queued.push(write)
      else failed.set(write, unavailable(error))
    }
  })
  const [first] = failed.values()
  if (!first) return { stored, queued }
  await abortWrites(deps, policy === 'REJECT_ALL' ? writes : [...failed.keys()])
  if (policy === 'REJECT_ALL') throw first
  for (const [write, error] of failed) outcomes.set(write, { error })
  return { stored, queued }
}

async function storeDocument(deps: WriteDeps, { body, history }: PlannedWrite): Promise<void> {
  const { zerodb, tenantId, signal, plan } = deps
  const inserts = [{ name: 'storeHistory', table: historyTable, row: history } as const]
  const bodies = body ? [{ name: 'storeBody', table: bodyTable, row: body.row } as const] : []
  plan.zerodb += inserts.length + bodies.length
  await mapLimit([...bodies, ...inserts], 2, ({ name, table, row }) =>
    step(name, deps, () => zerodb.insertRow(tenantId, table, row, { signal })),
  )
}

function unavailable(error: unknown): StorageUnavailableError {
  return new StorageUnavailableError(
    error instanceof UpstreamError
      ? error
      : new UpstreamError('ZeroDB', 'timeout', 'the caller ran out of time', { cause: error }),
  )
}
