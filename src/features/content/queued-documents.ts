import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { RowData } from '../../platform/zerodb.ts'
import type { bodyTable, historyTable } from './documents.ts'

export type DocumentTable = typeof bodyTable | typeof historyTable

/** Which of these documents still wait. */
export async function findQueuedIds(
  { reads, tenantId }: { reads: TenantReads; tenantId: string },
  ids: readonly string[],
): Promise<Set<string>> {
  const rows = await reads.rows<{ id: string }>(
    `select id from queued_documents where tenant_id = $1 and id = any($2::uuid[])`,
    [tenantId, ids],
  )
  return new Set(rows.map(({ id }) => id))
}

/** The documents among `ids` that still wait for ZeroDB, as they will be there. */
export async function findQueued(
  { reads, tenantId }: { reads: TenantReads; tenantId: string },
  table: DocumentTable,
  ids: readonly string[],
): Promise<Map<string, RowData>> {
  const rows = await reads.rows<{ id: string; document: RowData }>(
    `select id, document from queued_documents
     where tenant_id = $1 and table_name = $2 and id = any($3::uuid[])`,
    [tenantId, table, ids],
  )
  return new Map(rows.map(({ id, document }) => [id, document]))
}
