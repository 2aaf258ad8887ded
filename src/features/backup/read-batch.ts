import { step } from '../../lib/failpoints.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import { UpstreamError } from '../../lib/errors.ts'
import { decodeBody } from '../../platform/document-store.ts'
import type { SnapshotRow } from '../../platform/recovery-copy/snapshot-tables.ts'
import type { RowData } from '../../platform/zerodb.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import { type DocumentTable, findQueued } from '../content/queued-documents.ts'
import { type Batch, relayContext, type RelayDeps } from './batch.ts'
import type { Cargo, Member } from './cargo.ts'
import { describeEvents, type EventVersion } from './describe-events.ts'
import { type CopiedVersion, purgeRow, snapshotRow } from './snapshot-row.ts'

/** Groups that are read at the same time. */
const groupsAtOnce = 3

/**
 * Reads what the events of a batch tell of, from ZeroDB or, while it waits for ZeroDB, from PostgreSQL.
 * Each body is held against its SHA-256: a copy of something broken is none. One event that cannot be
 * read stops no other (E-178); a store that is away stops all. Throws UpstreamError.
 */
export function readBatch(deps: RelayDeps, batch: Batch): Promise<Cargo> {
  return step('readBatch', relayContext, async () => {
    const members = await listMembers(deps, batch)
    const groups = groupsOf(members, deps.config.BIGQUERY_SYNC_BATCH_SIZE)
    const cargo: Cargo = { lines: [], refused: [] }
    await mapLimit(groups, groupsAtOnce, async (group) => {
      deps.signal.throwIfAborted()
      const { lines, refused } = await readDivided(deps, batch, group)
      cargo.lines.push(...lines)
      cargo.refused.push(...refused)
    })
    return cargo
  })
}

function listMembers({ database }: RelayDeps, { id }: Batch): Promise<Member[]> {
  return database.relayTransaction((tx) =>
    tx.execute<Member[]>(
      `select tenant_id as "tenantId", id as "eventId", content_id as "contentId",
         operation = 'purge' as "isPurge"
       from backup_outbox where batch_id = ? and backed_up_at is null order by tenant_id, id`,
      [id],
    ),
  )
}

/** Of one tenant each, in the order given. */
function groupsOf(members: readonly Member[], size: number): Member[][] {
  const groups: Member[][] = []
  for (const member of members) {
    const group = groups.at(-1)
    if (group && group.length < size && group[0]?.tenantId === member.tenantId) group.push(member)
    else groups.push([member])
  }
  return groups
}

/** An answer that is not what the protocol says is divided until it is known whose fault it is. */
async function readDivided(
  deps: RelayDeps,
  batch: Batch,
  group: readonly Member[],
): Promise<Cargo> {
  try {
    return await readGroup(deps, batch, group)
  } catch (error) {
    if (!(error instanceof UpstreamError && error.failure === 'malformed')) throw error
    const [only, ...others] = group
    if (only && others.length === 0)
      return { lines: [], refused: [{ member: only, error: error.message }] }
    const middle = Math.ceil(group.length / 2)
    const left = await readDivided(deps, batch, group.slice(0, middle))
    const right = await readDivided(deps, batch, group.slice(middle))
    return {
      lines: [...left.lines, ...right.lines],
      refused: [...left.refused, ...right.refused],
    }
  }
}

async function readGroup(deps: RelayDeps, batch: Batch, group: readonly Member[]): Promise<Cargo> {
  const tenantId = group[0]?.tenantId ?? ''
  const { versions, purges } = await describeEvents(deps, tenantId, group)
  const documents = await readAllDocuments(deps, tenantId, [...versions.values()])
  const written = { batchId: batch.id, now: new Date() }
  const cargo: Cargo = { lines: [], refused: [] }
  for (const member of group) {
    const purge = purges.get(member.eventId)
    const version = versions.get(member.eventId)
    try {
      if (purge) cargo.lines.push(lineOf(member, purgeRow(purge, written)))
      // Purged in the meantime; then the event is gone as well, and nobody will be refused.
      else if (!version) throw new Error('there is nothing of what it tells')
      else {
        const { body, history } = await soundDocuments(version, documents)
        cargo.lines.push(lineOf(member, snapshotRow(version, body, history, written)))
      }
    } catch (error) {
      // Its retention was over before it could be copied: nothing is owed.
      if (version?.isExpired) continue
      const message = error instanceof Error ? error.message : 'unreadable'
      const place = version && { snapshotId: version.versionId, at: version.createdAt }
      cargo.refused.push({ member, error: message, ...(place && { place: { member, ...place } }) })
    }
  }
  return cargo
}

function lineOf(member: Member, row: SnapshotRow): Cargo['lines'][number] {
  const json = Buffer.from(`${JSON.stringify(row)}\n`)
  return { member, snapshotId: row.snapshot_id, at: new Date(row.snapshot_timestamp), json }
}

interface Documents {
  bodies: ReadonlyMap<string, RowData>
  history: ReadonlyMap<string, RowData>
}

async function readAllDocuments(
  deps: RelayDeps,
  tenantId: string,
  versions: readonly EventVersion[],
): Promise<Documents> {
  const bodyIds = versions.map(({ documentId }) => documentId)
  const historyIds = versions.map(({ versionId }) => versionId)
  const [bodies, history] = await Promise.all([
    readDocuments(deps, tenantId, bodyTable, bodyIds),
    readDocuments(deps, tenantId, historyTable, historyIds),
  ])
  return { bodies, history }
}

/** A document leaves PostgreSQL's queue after it has come to ZeroDB, so the queue is asked first. */
async function readDocuments(
  { database, zerodb, signal }: RelayDeps,
  tenantId: string,
  table: DocumentTable,
  ids: readonly string[],
): Promise<Map<string, RowData>> {
  const reads = database.reads.forTenant(tenantId, undefined, signal)
  const queued = await findQueued({ reads, tenantId }, table, ids)
  const others = ids.filter((id) => !queued.has(id))
  if (others.length === 0) return queued
  const stored = await zerodb.getRowsByKey(tenantId, table, others, { signal })
  return queued.size === 0 ? stored : new Map([...queued, ...stored])
}

async function soundDocuments(
  { documentId, versionId, sha256 }: CopiedVersion,
  { bodies, history }: Documents,
): Promise<{ body: RowData; history: RowData }> {
  const body = bodies.get(documentId)
  if (!body) throw new Error(`its body document ${documentId} is missing`)
  const found = await decodeBody(documentId, body)
  if (found.sha256 !== sha256)
    throw new Error(`its body document ${documentId} has another SHA-256`)
  const entry = history.get(versionId)
  if (!entry) throw new Error(`its history entry ${versionId} is missing`)
  return { body, history: entry }
}
