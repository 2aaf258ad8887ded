import { UpstreamError } from '../../lib/errors.ts'
import { step } from '../../lib/failpoints.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import type { NewRow } from '../../platform/zerodb.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import type { DocumentTable } from '../content/queued-documents.ts'
import type { SweepDeps } from './sweep-writes.ts'

/** Documents of a tenant that are on their way at a time; ZeroDB is asked for all of them at once. */
const batchSize = 25
const parallelInserts = 8
/** What ZeroDB has refused so often lets the others pass. */
const manyAttempts = 10

/** A worker that died with a batch is given up for it after this long: a batch takes seconds. */
const leaseSeconds = 60

interface Queued {
  id: string
  table: DocumentTable
  document: NewRow
}

/**
 * Takes queued documents to ZeroDB, in the order in which they were committed, one worker per tenant
 * at a time. A worker that dies leaves its batch to the next, which looks before it inserts. Throws
 * UpstreamError while ZeroDB is still away; nothing is lost then.
 */
export async function drainQueue(deps: SweepDeps): Promise<void> {
  const tenants = await deps.database.reads.asSystem().rows<{ tenantId: string }>(
    `select tenant_id as "tenantId" from queued_documents
       group by tenant_id having max(lease_expires_at) < now()`,
    [],
  )
  for (const { tenantId } of tenants) await drainQueueOf(deps, tenantId)
}

/** The same for one tenant. */
export async function drainQueueOf(deps: SweepDeps, tenantId: string): Promise<void> {
  while (await drainBatch(deps, tenantId)) deps.signal.throwIfAborted()
}

/** False when nothing more can be done: nothing waits, another worker has it, or ZeroDB refuses it. */
async function drainBatch(deps: SweepDeps, tenantId: string): Promise<boolean> {
  const batch = await step('claimQueued', { tenantId }, () => claim(deps, tenantId))
  if (batch.length === 0) return false
  const stored = new Set<string>()
  try {
    for (const table of [bodyTable, historyTable] as const) {
      const documents = batch.filter((queued) => queued.table === table)
      await step('storeQueued', { tenantId }, () => store(deps, tenantId, table, documents, stored))
    }
    return stored.size > 0
  } finally {
    await step('settleQueued', { tenantId }, () => settle(deps, tenantId, batch, stored))
  }
}

function claim({ database }: SweepDeps, tenantId: string): Promise<Queued[]> {
  return database.transaction(tenantId, async (tx) => {
    await tx.execute(`select pg_advisory_xact_lock(hashtextextended('queue:' || ?, 0))`, [tenantId])
    const rows = await tx.execute<Queued[]>(
      `update queued_documents q set attempts = attempts + 1,
         lease_expires_at = now() + make_interval(secs => ?)
       from (
         select id from queued_documents where tenant_id = ?
         order by attempts >= ${manyAttempts}, sequence limit ?
       ) first
       where q.tenant_id = ? and q.id = first.id and not exists (
         select from queued_documents busy
         where busy.tenant_id = ? and busy.lease_expires_at >= now()
       )
       returning q.id, q.table_name as "table", q.document, q.sequence::float8 as sequence`,
      [leaseSeconds, tenantId, batchSize, tenantId, tenantId],
    )
    return (rows as (Queued & { sequence: number })[]).toSorted((a, b) => a.sequence - b.sequence)
  })
}

/** Inserts what is not there yet; notes each document as soon as it is. */
async function store(
  { zerodb, signal }: SweepDeps,
  tenantId: string,
  table: DocumentTable,
  documents: readonly Queued[],
  stored: Set<string>,
): Promise<void> {
  if (documents.length === 0) return
  const ids = documents.map(({ id }) => id)
  const there = await zerodb.getRowsByKey(tenantId, table, ids, { signal })
  await mapLimit(documents, parallelInserts, async ({ id, document }) => {
    try {
      if (!there.has(id)) await zerodb.insertRow(tenantId, table, document, { signal })
      stored.add(id)
    } catch (error) {
      // One document that ZeroDB will not have must not hold up the others; fsck tells of it.
      if (!(error instanceof UpstreamError && error.failure === 'rejected')) throw error
    }
  })
}

/** What is stored leaves the queue; the rest may be taken again at once. */
async function settle(
  { database }: SweepDeps,
  tenantId: string,
  batch: readonly Queued[],
  stored: ReadonlySet<string>,
): Promise<void> {
  const left = batch.filter(({ id }) => !stored.has(id)).map(({ id }) => id)
  await database.transaction(tenantId, async (tx) => {
    await tx.execute(`delete from queued_documents where tenant_id = ? and id = any(?::uuid[])`, [
      tenantId,
      `{${[...stored].join(',')}}`,
    ])
    await tx.execute(
      `update queued_documents set lease_expires_at = '-infinity'
       where tenant_id = ? and id = any(?::uuid[])`,
      [tenantId, `{${left.join(',')}}`],
    )
  })
}
