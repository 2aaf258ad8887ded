import type { EntityManager } from '@mikro-orm/postgresql'
import { bodyTable, historyTable } from '../content/documents.ts'
import type { PlannedWrite } from './plan-write.ts'
import type { DocumentTable } from '../content/queued-documents.ts'

/** Commits documents into PostgreSQL, because ZeroDB could not take them; they go there later. */
export async function queueDocuments(
  tx: EntityManager,
  writes: readonly PlannedWrite[],
): Promise<void> {
  if (writes.length === 0) return
  const rows = writes.flatMap(({ next, intentId, body, history }) => {
    const rowOf = (table: DocumentTable, document: { id: string }) => ({
      tenant_id: next.tenantId,
      id: document.id,
      table_name: table,
      content_id: next.id,
      write_id: intentId,
      document,
    })
    return [...(body ? [rowOf(bodyTable, body.row)] : []), rowOf(historyTable, history)]
  })
  await tx.execute(
    `insert into queued_documents (tenant_id, id, table_name, content_id, write_id, document)
     select tenant_id, id, table_name, content_id, write_id, document
     from jsonb_to_recordset(?::jsonb) as q (tenant_id uuid, id uuid, table_name text,
       content_id uuid, write_id uuid, document jsonb)`,
    [JSON.stringify(rows)],
  )
}
