import { recordAudit } from '../tenancy/record-audit.ts'
import type { ArchiveDeps } from './archive-run.ts'

/** Per tenant and pass; what is left over is found by the next pass. */
const batchSize = 100

/**
 * Deletes archives whose time is over: the files first, for only the row knows them. Safe to repeat.
 * Throws UpstreamError.
 */
export async function removeExpiredArchives(deps: ArchiveDeps): Promise<void> {
  const tenants = await deps.database.reads
    .asSystem()
    .rows<{ tenantId: string }>(
      `select distinct tenant_id as "tenantId" from backup_archives where expires_at < now()`,
      [],
    )
  for (const { tenantId } of tenants) await removeExpiredOf(deps, tenantId)
}

interface Expired {
  id: string
  collection: string
  fileName: string
  fileIds: string[]
}

async function removeExpiredOf(deps: ArchiveDeps, tenantId: string): Promise<void> {
  const { database, zerodb, signal } = deps
  const expired = await database.reads.forTenant(tenantId, undefined, signal).rows<Expired>(
    `select id, collection, file_name as "fileName", file_ids as "fileIds" from backup_archives
     where tenant_id = $1 and expires_at < now() order by id limit $2`,
    [tenantId, batchSize],
  )
  for (const archive of expired) {
    for (const fileId of archive.fileIds) await zerodb.deleteFile(tenantId, fileId, { signal })
    await forget(deps, tenantId, archive)
  }
}

async function forget(
  { database }: ArchiveDeps,
  tenantId: string,
  { id, collection, fileName }: Expired,
): Promise<void> {
  await database.transaction(tenantId, async (tx) => {
    const deleted = await tx.execute<unknown[]>(
      `delete from backup_archives where tenant_id = ? and id = ? returning id`,
      [tenantId, id],
    )
    if (deleted.length === 0) return
    const subject = { type: 'BackupArchive', id }
    const before = { collection, fileName }
    const event = { action: 'removeExpiredArchive', subject, before, after: null }
    const origin = { requestId: 'task:removeExpiredArchives', ip: null, apiKeyId: null }
    await recordAudit(tx, { tenantId, userId: null, origin }, [event])
  })
}
