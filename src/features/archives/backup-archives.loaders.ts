import { align } from '../../lib/align.ts'
import { decodeCursor, encodeCursor, InvalidCursorError } from '../../lib/cursor.ts'
import { isUuid } from '../../lib/id.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { SqlParams } from '../../platform/postgres/sql-params.ts'
import { type BackupArchive, BackupArchiveSchema } from './backup-archive.entity.ts'

export interface ArchiveReadDeps {
  reads: TenantReads
  tenantId: string
}

const columns = selectList(BackupArchiveSchema, 'a')

const archivesSql = `
  select ${columns} from backup_archives a where a.tenant_id = $1 and a.id = any($2::uuid[])`

/** Archives of the tenant, in key order. */
export async function loadBackupArchives(
  { reads, tenantId }: ArchiveReadDeps,
  ids: readonly string[],
): Promise<(BackupArchive | null)[]> {
  const found = await reads.rows<BackupArchive>(archivesSql, [tenantId, ids])
  return align(ids, found, ({ id }) => id)
}

export interface ArchivePageRequest {
  limit: number
  /** Only archives older than the one at this place. */
  cursor?: string | undefined
  /** A name that no collection has matches nothing. */
  collection?: string | undefined
}

const order = 'backupArchive'

/** The place of an archive in the list is its id, which begins with its time. */
export function archiveCursorOf({ id }: BackupArchive): string {
  return encodeCursor(order, [id])
}

function archiveIdAt(cursor: string): string {
  const [id] = decodeCursor(cursor, order, 1)
  if (id == null || !isUuid(id)) throw new InvalidCursorError()
  return id
}

/** Newest first; one archive more than asked for, if there is one, to tell that more follow. */
export function listBackupArchives(
  { reads, tenantId }: ArchiveReadDeps,
  { limit, cursor, collection }: ArchivePageRequest,
): Promise<BackupArchive[]> {
  const params = new SqlParams()
  const conditions = [`a.tenant_id = ${params.add(tenantId)}`]
  if (collection !== undefined) conditions.push(`a.collection = ${params.add(collection)}`)
  if (cursor !== undefined) conditions.push(`a.id < ${params.add(archiveIdAt(cursor))}`)
  return reads.rows<BackupArchive>(
    `select ${columns} from backup_archives a where ${conditions.join(' and ')}
     order by a.id desc limit ${params.add(limit + 1)}`,
    params.values,
  )
}
