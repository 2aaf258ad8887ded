import { UpstreamError } from '../../lib/errors.ts'
import { isUuid } from '../../lib/id.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import {
  type ArchiveDeps,
  type ArchiveRun,
  claimRun,
  failRun,
  handBackRun,
  LostRunError,
  maxAttempts,
  renewRun,
} from './archive-run.ts'
import { isCollection } from './collections.ts'
import { type StoredArchive, storeArchive } from './store-archive.ts'

/** Archives are kept for so long (W-020). */
const retentionDays = 30

/** What became of a backup: made; nothing to do, in other hands, or resting; or failed. */
export type BackupOutcome =
  | ({ state: 'made'; archiveId: string } & StoredArchive)
  | { state: 'notOurs' }
  /** Nothing was tried: the last attempt it had never came to an end, not even to a failure. */
  | { state: 'givenUp' }
  | { state: 'failed'; givenUp: boolean; error: UpstreamError }

/**
 * Makes the archive of one collection that was asked for, and safe to repeat: of several who try one
 * succeeds, and files that a dead one left behind are deleted by the next.
 */
export async function backUpCollection(
  deps: ArchiveDeps & { partBytes?: number },
  { tenantId, collection }: { tenantId: string; collection: string },
): Promise<BackupOutcome> {
  const { log, signal } = deps
  const run = isCollection(collection) ? await claimRun(deps, { tenantId, collection }) : null
  if (!run) return { state: 'notOurs' }
  if (run.attempts > maxAttempts) {
    // The last one gave nothing up, nor anything else: it may be what kills its workers.
    return { state: (await failRun(deps, run)) ? 'givenUp' : 'notOurs' }
  }
  try {
    await removeStrays(deps, run)
    const stored = await storeArchive(deps, run)
    if (!(await settle(deps, run, stored))) return { state: 'notOurs' }
    const { archiveId } = run
    const { fileName, documents, missing } = stored
    const facts = { tenantId, archiveId, fileName, documents, missing }
    if (missing > 0) log.error(facts, 'archived a collection that lacks documents')
    else log.info(facts, 'archived a collection')
    return { state: 'made', archiveId, ...stored }
  } catch (error) {
    if (error instanceof LostRunError) return { state: 'notOurs' }
    if (signal.aborted) {
      await handBackRun(deps, run)
      throw error
    }
    const givenUp = await failRun(deps, run)
    if (!(error instanceof UpstreamError)) throw error
    log.error({ err: error, tenantId, collection, givenUp }, 'could not archive a collection')
    return { state: 'failed', givenUp, error }
  }
}

const fileOfArchive = /^([0-9a-f-]{36})_\w+_backup_\d{8}_\d{6}\.json\.zst/

/**
 * Deletes files of archives that nobody knows: whose worker died, or whose upload was answered into
 * the void. What is under way elsewhere has its archive's id in its run before it uploads anything.
 */
async function removeStrays(deps: ArchiveDeps, run: ArchiveRun): Promise<void> {
  const { database, zerodb, log, signal } = deps
  const { tenantId } = run
  const files = (await Array.fromAsync(zerodb.eachFile(tenantId, { signal }))).flatMap((file) => {
    const archiveId = fileOfArchive.exec(file.name)?.[1] ?? ''
    return isUuid(archiveId) ? [{ ...file, archiveId }] : []
  })
  const known = await database.reads.forTenant(tenantId, undefined, signal).rows<{ id: string }>(
    `select id from backup_archives where tenant_id = $1
     union all select archive_id from archive_runs where tenant_id = $1 and archive_id is not null`,
    [tenantId],
  )
  const ids = new Set(known.map(({ id }) => id))
  for (const { id, name, archiveId } of files) {
    if (ids.has(archiveId)) continue
    await renewRun(deps, run)
    await zerodb.deleteFile(tenantId, id, { signal })
    log.warn({ tenantId, file: name }, 'deleted a file of an archive that was never finished')
  }
}

/** The archive is there when this commits; false when another worker has taken over. */
function settle(
  { database }: ArchiveDeps,
  { tenantId, collection, archiveId, userId, requestId, ip }: ArchiveRun,
  stored: StoredArchive,
): Promise<boolean> {
  const { backupDate, fileName, fileIds, documents, missing, sizeBytes, sha256 } = stored
  const facts = [documents, sizeBytes, sha256, backupDate, retentionDays]
  return database.transaction(tenantId, async (tx) => {
    const ended = await tx.execute<unknown[]>(
      `delete from archive_runs where tenant_id = ? and collection = ? and archive_id = ?
       returning collection`,
      [tenantId, collection, archiveId],
    )
    if (ended.length === 0) return false
    await tx.execute(
      `insert into backup_archives (tenant_id, id, user_id, collection, file_name, file_ids,
         document_count, size_bytes, compressed, sha256, created_at, expires_at)
       values (?, ?, ?, ?, ?, array(select jsonb_array_elements_text(?::jsonb)), ?, ?, true, ?, ?,
         now() + make_interval(days => ?))`,
      [tenantId, archiveId, userId, collection, fileName, JSON.stringify(fileIds), ...facts],
    )
    const event = {
      action: 'backUpCollection',
      subject: { type: 'BackupArchive', id: archiveId },
      before: null,
      after: { collection, fileName, documentCount: documents, missing, sizeBytes },
    }
    await recordAudit(tx, { tenantId, userId, origin: { requestId, ip, apiKeyId: null } }, [event])
    return true
  })
}
