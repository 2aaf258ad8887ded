import { mapLimit } from '../../lib/map-limit.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { keysPerQuery, type NewRow, type RowData, type ZeroDb } from '../../platform/zerodb.ts'
import type { DocumentTable } from '../content/queued-documents.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import type { BackupArchive } from './backup-archive.entity.ts'
import { findVersions, isOf } from './find-versions.ts'
import { readArchive, verifyArchive } from './read-archive.ts'

export interface RestoreArchiveDeps {
  database: Database
  zerodb: ZeroDb
  signal: AbortSignal
}

/** What became of the documents of an archive; counted while it goes on. */
export interface RestoredDocuments {
  documents: number
  /** Put back; in a dry run, those that would be. */
  restored: number
  alreadyThere: number
  /** Purged, expired, or never committed: PostgreSQL knows no version that has them. */
  unexplained: number
  /** Not what the version in PostgreSQL says, so not put back. */
  damaged: number
}

export function newRestored(): RestoredDocuments {
  return { documents: 0, restored: 0, alreadyThere: 0, unexplained: 0, damaged: 0 }
}

/** The archive of this id, whosever it is; for operators. */
export async function findArchiveTenant(
  { reads }: Pick<Database, 'reads'>,
  archiveId: string,
): Promise<string | undefined> {
  const [found] = await reads
    .asSystem()
    .rows<{ tenantId: string }>(
      `select tenant_id as "tenantId" from backup_archives where id = $1`,
      [archiveId],
    )
  return found?.tenantId
}

/**
 * Puts documents back that ZeroDB has lost: only those that a version in PostgreSQL has, under its
 * checksum, and that are not there. Nothing is overwritten, and nothing purged comes back. It may be
 * interrupted and repeated. Throws DamagedArchiveError before the first change, and UpstreamError.
 */
export async function restoreArchive(
  deps: RestoreArchiveDeps,
  archive: BackupArchive,
  { dryRun, restored }: { dryRun: boolean; restored: RestoredDocuments },
): Promise<void> {
  const { tenantId } = archive
  const verified = await verifyArchive(deps, archive)
  const reads = deps.database.reads.forTenant(tenantId, undefined, deps.signal)
  const tenant = { ...deps, tenantId, reads, collection: archive.collection, dryRun }
  try {
    for await (const rows of inChunks(readArchive(deps, verified))) {
      await restoreRows(tenant, rows, restored)
    }
  } finally {
    if (restored.restored > 0 && !dryRun) await record(deps, archive, restored)
  }
}

/** Bodies in memory at a time, and in an answer that says which of them are there. */
const bytesPerChunk = 8 * 1024 ** 2

async function* inChunks(rows: AsyncIterable<RowData>): AsyncGenerator<RowData[], void> {
  let chunk: RowData[] = []
  let bytes = 0
  for await (const row of rows) {
    chunk.push(row)
    const { content_body: body } = row
    bytes += typeof body === 'string' ? body.length : 0
    if (chunk.length < keysPerQuery && bytes < bytesPerChunk) continue
    yield chunk
    chunk = []
    bytes = 0
  }
  yield chunk
}

interface TenantRestore extends RestoreArchiveDeps {
  tenantId: string
  reads: TenantReads
  collection: DocumentTable
  dryRun: boolean
}

/** Inserts of a chunk that are under way at a time. */
const insertsAtOnce = 8

async function restoreRows(
  deps: TenantRestore,
  rows: readonly RowData[],
  restored: RestoredDocuments,
): Promise<void> {
  const { zerodb, tenantId, collection, signal } = deps
  signal.throwIfAborted()
  const ids = rows.map(({ id }) => String(id))
  const explained = await findVersions(deps, collection, ids)
  const there = await zerodb.getRowsByKey(tenantId, collection, [...explained.keys()], { signal })
  const sound: NewRow[] = []
  for (const row of rows) {
    const id = String(row['id'])
    const version = explained.get(id)
    restored.documents++
    if (!version) restored.unexplained++
    else if (there.has(id)) restored.alreadyThere++
    else if (await isOf(version, collection, row)) sound.push({ ...row, id })
    else restored.damaged++
  }
  if (deps.dryRun) restored.restored += sound.length
  else await insertRows(deps, sound, restored)
}

/** Whoever purged or expired one meanwhile did not find it there to delete: it goes again. */
async function insertRows(
  deps: TenantRestore,
  rows: readonly NewRow[],
  restored: RestoredDocuments,
): Promise<void> {
  if (rows.length === 0) return
  const { zerodb, tenantId, collection, signal } = deps
  await mapLimit(rows, insertsAtOnce, (row) =>
    zerodb.insertRow(tenantId, collection, row, { signal }),
  )
  const ids = rows.map(({ id }) => id)
  const explained = await findVersions(deps, collection, ids)
  const gone = ids.filter((id) => !explained.has(id))
  if (gone.length > 0) await zerodb.deleteRowsByKey(tenantId, collection, gone, { signal })
  restored.unexplained += gone.length
  restored.restored += rows.length - gone.length
}

async function record(
  { database }: RestoreArchiveDeps,
  { tenantId, id, collection, fileName }: BackupArchive,
  counts: RestoredDocuments,
): Promise<void> {
  const event = {
    action: 'restoreArchive',
    subject: { type: 'BackupArchive', id },
    before: null,
    after: { collection, fileName, ...counts },
  }
  const by = { tenantId, userId: null, origin: { requestId: 'task:restoreArchive', ip: null } }
  await database.transaction(tenantId, (tx) => recordAudit(tx, by, [event]))
}
