import { step } from '../../lib/failpoints.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import { UpstreamError } from '../../lib/errors.ts'
import { decodeBody } from '../../platform/document-store.ts'
import type { SnapshotRow } from '../../platform/recovery-copy/snapshot-tables.ts'
import type { RowData } from '../../platform/zerodb.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import { type DocumentTable, findQueued } from '../content/queued-documents.ts'
import { type Batch, relayContext, type RelayDeps } from './batch.ts'
import { type CopiedPurge, type CopiedVersion, purgeRow, snapshotRow } from './snapshot-row.ts'

/** An event of a batch. */
export interface Member {
  tenantId: string
  eventId: string
  contentId: string
  isPurge: boolean
}

/** By which the row of an event is found in the copy, and the day it is found under. */
export interface Place {
  member: Member
  snapshotId: string
  at: Date
}

/** An event that cannot be copied as things are; without a place when its row would have none. */
export interface Refused {
  member: Member
  error: string
  place?: Place
}

/** A row on its way, and the event it is of. */
export interface Line extends Place {
  json: Buffer
}

/** What a batch brings to the copy. */
export interface Cargo {
  lines: Line[]
  refused: Refused[]
}

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
  const { versions, purges } = await describe(deps, tenantId, group)
  const found = [...versions.values()]
  const [bodies, history] = await Promise.all([
    readDocuments(
      deps,
      tenantId,
      bodyTable,
      found.map(({ documentId }) => documentId),
    ),
    readDocuments(
      deps,
      tenantId,
      historyTable,
      found.map(({ versionId }) => versionId),
    ),
  ])
  const written = { batchId: batch.id, now: new Date() }
  const cargo: Cargo = { lines: [], refused: [] }
  const take = (member: Member, row: SnapshotRow) => {
    const json = Buffer.from(`${JSON.stringify(row)}\n`)
    const at = new Date(row.snapshot_timestamp)
    cargo.lines.push({ member, snapshotId: row.snapshot_id, at, json })
  }
  for (const member of group) {
    const purge = purges.get(member.eventId)
    if (purge) take(member, purgeRow(purge, written))
    if (purge) continue
    const version = versions.get(member.eventId)
    if (!version) {
      // Purged in the meantime, and then the event is gone too: nobody will be refused.
      cargo.refused.push({ member, error: 'there is nothing of what it tells' })
      continue
    }
    try {
      const body = await soundBody(version, bodies)
      take(member, snapshotRow(version, body, entryOf(version, history), written))
    } catch (error) {
      // Its retention was over before it could be copied: nothing is owed.
      if (version.isExpired) continue
      cargo.refused.push({
        member,
        error: error instanceof Error ? error.message : 'unreadable',
        place: { member, snapshotId: version.versionId, at: version.createdAt },
      })
    }
  }
  return cargo
}

interface EventVersion extends Omit<CopiedVersion, 'tenantId'> {
  eventId: string
  isExpired: boolean
}

const versionsSql = `
  select o.id as "eventId", v.id as "versionId", v.content_id as "contentId",
    v.version_number as "versionNumber", v.change_type = 'delete' as "isDeletion",
    v.document_id as "documentId", v.sha256, v.size_bytes as "sizeBytes",
    v.created_at as "createdAt", c.user_id as "userId", c.version_of as "versionOf",
    c.created_at as "contentCreatedAt", v.expired_at is not null as "isExpired"
  from backup_outbox o
    join content_versions v on v.tenant_id = o.tenant_id and v.content_id = o.content_id
      and v.version_number = o.version_number
    join content_items c on c.tenant_id = v.tenant_id and c.id = v.content_id
  where o.tenant_id = $1 and o.id = any($2::uuid[]) and o.operation <> 'purge'`

const purgesSql = `
  select o.id as "eventId", o.content_id as "contentId", t.last_version as "lastVersion",
    t.created_at as "purgedAt"
  from backup_outbox o
    join content_tombstones t on t.tenant_id = o.tenant_id and t.content_id = o.content_id
  where o.tenant_id = $1 and o.id = any($2::uuid[]) and o.operation = 'purge'`

async function describe(
  { database, signal }: RelayDeps,
  tenantId: string,
  group: readonly Member[],
) {
  const reads = database.reads.forTenant(tenantId, undefined, signal)
  const values = [tenantId, group.map(({ eventId }) => eventId)]
  const [versions, purges] = await Promise.all([
    reads.rows<EventVersion>(versionsSql, values),
    reads.rows<Omit<CopiedPurge, 'tenantId'>>(purgesSql, values),
  ])
  return {
    versions: new Map(versions.map((version) => [version.eventId, { ...version, tenantId }])),
    purges: new Map(purges.map((purge) => [purge.eventId, { ...purge, tenantId }])),
  }
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

async function soundBody(
  { documentId, sha256 }: CopiedVersion,
  bodies: ReadonlyMap<string, RowData>,
): Promise<RowData> {
  const body = bodies.get(documentId)
  if (!body) throw new Error(`its body document ${documentId} is missing`)
  const found = await decodeBody(documentId, body)
  if (found.sha256 !== sha256)
    throw new Error(`its body document ${documentId} has another SHA-256`)
  return body
}

function entryOf({ versionId }: CopiedVersion, history: ReadonlyMap<string, RowData>): RowData {
  const entry = history.get(versionId)
  if (!entry) throw new Error(`its history entry ${versionId} is missing`)
  return entry
}
