import { StorageUnavailableError, UpstreamError } from '../../lib/errors.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import { abortWrites } from './abort-writes.ts'
import { beginWrites } from './begin-writes.ts'
import { commitWrites } from './commit-writes.ts'
import { bodyTable, historyTable } from './documents.ts'
import type { PlannedWrite } from './plan-write.ts'
import { type BatchErrorPolicy, isFailed, type WriteDeps, type WriteOutcome } from './write.ts'

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
): Promise<WriteOutcome[]> {
  const outcomes = new Map<PlannedWrite, WriteOutcome>()
  const begun = await beginWrites(deps, writes, policy, outcomes)
  await storeDocuments(deps, begun, policy, outcomes)
  await commitWrites(
    deps,
    begun.filter((write) => !outcomes.has(write)),
    policy,
    outcomes,
  )
  return writes.map((write) => outcomes.get(write) as WriteOutcome)
}

/** No transaction is open here: these calls may take seconds. */
async function storeDocuments(
  deps: WriteDeps,
  writes: readonly PlannedWrite[],
  policy: BatchErrorPolicy,
  outcomes: Map<PlannedWrite, WriteOutcome>,
): Promise<void> {
  const failed: PlannedWrite[] = []
  await mapLimit(writes, parallelInserts, async (write) => {
    try {
      await storeDocument(deps, write)
    } catch (error) {
      if (!(error instanceof UpstreamError) && !deps.signal.aborted) throw error
      failed.push(write)
      outcomes.set(write, { error: unavailable(error) })
    }
  })
  if (failed.length === 0) return
  await abortWrites(deps, policy === 'REJECT_ALL' ? writes : failed)
  const [first] = failed
  const outcome = first && outcomes.get(first)
  if (policy === 'REJECT_ALL' && outcome && isFailed(outcome)) throw outcome.error
}

async function storeDocument(deps: WriteDeps, { body, history }: PlannedWrite): Promise<void> {
  const { zerodb, tenantId, signal, plan } = deps
  const inserts = [{ table: historyTable, row: history }]
  if (body) inserts.push({ table: bodyTable, row: body.row })
  plan.zerodb += inserts.length
  await mapLimit(inserts, inserts.length, ({ table, row }) =>
    zerodb.insertRow(tenantId, table, row, { signal }),
  )
}

function unavailable(error: unknown): StorageUnavailableError {
  return new StorageUnavailableError(
    error instanceof UpstreamError
      ? error
      : new UpstreamError('ZeroDB', 'timeout', 'the caller ran out of time', { cause: error }),
  )
}
