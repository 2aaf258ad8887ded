import type { BackupArchive } from '../../src/features/archives/backup-archive.entity.ts'
import { loadBackupArchives } from '../../src/features/archives/backup-archives.loaders.ts'
import { requestBackups } from '../../src/features/archives/backup-collections.ts'
import {
  backUpCollection,
  type BackupOutcome,
} from '../../src/features/archives/back-up-collection.ts'
import type { DocumentTable } from '../../src/features/content/queued-documents.ts'
import { encodeGlobalId } from '../../src/graphql/global-id.ts'
import { newId } from '../../src/lib/id.ts'
import type { RowData } from '../../src/platform/zerodb.ts'
import type { TestGateway, TestTenant } from './gateway.ts'

/** The row of an archive whose file is nowhere; answers its global id. */
export async function plantArchive(
  gateway: TestGateway,
  tenant: TestTenant,
  name: string,
): Promise<string> {
  const id = newId()
  await gateway.database.admin.query(
    `insert into backup_archives (tenant_id, id, collection, file_name, file_ids, document_count,
       size_bytes, compressed, sha256, expires_at)
     values ($1, $2, 'content_items', $3, array['nowhere'], 1, 10, true, 'none',
       now() + interval '30 days')`,
    [tenant.id, id, `${name}_backup`],
  )
  return encodeGlobalId('BackupArchive', id)
}

/** Leaves the tenant in ZeroDB with none of these rows, as after a loss. */
export async function loseRows(
  { services: { zerodb } }: TestGateway,
  { id }: TestTenant,
  table: DocumentTable,
): Promise<void> {
  const rows = await Array.fromAsync(zerodb.eachRow(id, table))
  const ids = rows.map((row) => String(row['id']))
  await zerodb.deleteRowsByKey(id, table, ids)
}

/** The rows of the tenant in ZeroDB, by key. */
export async function rowsIn(
  { services: { zerodb } }: TestGateway,
  { id }: TestTenant,
  table: DocumentTable,
): Promise<RowData[]> {
  return Array.fromAsync(zerodb.eachRow(id, table))
}

/** Names of the tenant's files in ZeroDB. */
export async function filesOf(
  { services: { zerodb } }: TestGateway,
  { id }: TestTenant,
): Promise<string[]> {
  const files = await Array.fromAsync(zerodb.eachFile(id))
  return files.map(({ name }) => name).toSorted()
}

/** Asks for a backup of one collection and makes it here. */
export async function backUp(
  { services }: TestGateway,
  { id: tenantId }: TestTenant,
  collection: DocumentTable,
  options: { partBytes?: number } = {},
): Promise<BackupOutcome> {
  const origin = { requestId: 'test', ip: null, apiKeyId: null }
  const by = { ...services, tenantId, viewer: { userId: null }, origin }
  await requestBackups(by, [collection], 'silent')
  const signal = AbortSignal.timeout(60_000)
  return backUpCollection({ ...services, ...options, signal }, { tenantId, collection })
}

/** The same, which must succeed; answers the row of the archive. */
export async function makeArchive(
  gateway: TestGateway,
  tenant: TestTenant,
  collection: DocumentTable,
  options: { partBytes?: number } = {},
): Promise<BackupArchive> {
  const outcome = await backUp(gateway, tenant, collection, options)
  if (outcome.state !== 'made') throw new Error(JSON.stringify(outcome))
  const { database } = gateway.services
  const deps = { reads: database.reads.forTenant(tenant.id), tenantId: tenant.id }
  const [archive] = await loadBackupArchives(deps, [outcome.archiveId])
  if (!archive) throw new Error('no archive')
  return archive
}

/** As if the lease of every backup under way were over. */
export async function expireRuns({ database }: TestGateway): Promise<void> {
  await database.admin.query(`update archive_runs set lease_expires_at = '-infinity'`)
}
