import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { RowData } from '../../platform/zerodb.ts'
import type { bodyTable, historyTable } from './documents.ts'

export type DocumentTable = typeof bodyTable | typeof historyTable

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
