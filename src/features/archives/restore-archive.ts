import type { Database } from '../../platform/postgres/database.ts'
import { keysPerQuery, type RowData, type ZeroDb } from '../../platform/zerodb.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import type { BackupArchive } from './backup-archive.entity.ts'
import { DamagedArchiveError, readArchive, verifyArchive } from './read-archive.ts'
import { restoreRows } from './restore-rows.ts'
import type { RestoredDocuments } from './restored-documents.ts'

export interface RestoreArchiveDeps {
  database: Database
  zerodb: ZeroDb
  signal: AbortSignal
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
 * Puts documents back that ZeroDB has lost or damaged: only those that a version in PostgreSQL has,
 * under its checksum. What is there and sound is not touched, and nothing purged comes back. It may be
 * interrupted and repeated. Throws UpstreamError and DamagedArchiveError, which says so when nothing
 * was restored: the archive may still change between its two readings, and `restored` counts what was
 * done by then.
 */
export async function restoreArchive(
  deps: RestoreArchiveDeps,
  archive: BackupArchive,
  { dryRun, restored }: { dryRun: boolean; restored: RestoredDocuments },
): Promise<void> {
  const { tenantId } = archive
  const verified = await verifyArchive(deps, archive).catch(sayNothingRestored)
  const reads = deps.database.reads.forTenant(tenantId, undefined, deps.signal)
  const tenant = { ...deps, tenantId, reads, collection: archive.collection, dryRun }
  try {
    for await (const rows of inChunks(readArchive(deps, verified))) {
      await restoreRows(tenant, rows, restored)
    }
  } finally {
    const changed = restored.restored + restored.replaced
    if (changed > 0 && !dryRun) await record(deps, archive, restored)
  }
}

function sayNothingRestored(error: unknown): never {
  if (!(error instanceof DamagedArchiveError)) throw error
  throw new DamagedArchiveError(`${error.message} Nothing was restored from it.`)
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
  const by = {
    tenantId,
    userId: null,
    origin: { requestId: 'task:restoreArchive', ip: null, apiKeyId: null },
  }
  await database.transaction(tenantId, (tx) => recordAudit(tx, by, [event]))
}
