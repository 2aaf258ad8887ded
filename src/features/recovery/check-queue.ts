import { beforeAllIds, eachPage, pageSize } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

/** Longer than an outage of ZeroDB that nobody looks into. */
const patienceHours = 24

interface Queued {
  id: string
  table: string
  contentId: string
  isStuck: boolean
  /** A version that keeps its documents has it, or its content was purged, which is looked at there. */
  isExplained: boolean
}

const queuedSql = `
  select q.id, q.table_name as "table", q.content_id as "contentId",
    q.created_at < now() - make_interval(hours => $4) as "isStuck",
    exists (
      select from content_versions v
      where v.tenant_id = q.tenant_id and v.documents_removed_at is null
        and case q.table_name when 'content_items' then v.document_id else v.id end = q.id
        and v.content_id = q.content_id
    ) or exists (
      select from content_tombstones t
      where t.tenant_id = q.tenant_id and t.content_id = q.content_id
    ) as "isExplained"
  from queued_documents q where q.tenant_id = $1 and q.id > $2 order by q.id limit $3`

/** I6: what waits in the queue gets to ZeroDB some day; and I5: a version waits for it. */
export async function* checkQueue({ reads, tenantId }: TenantDeps): AsyncGenerator<Finding, void> {
  const pages = eachPage<Queued>((last) =>
    reads.rows(queuedSql, [tenantId, last?.id ?? beforeAllIds, pageSize, patienceHours]),
  )
  for await (const page of pages) {
    for (const { id, table, contentId, isStuck, isExplained } of page) {
      const subject = { table, documentId: id, contentId }
      if (!isExplained) {
        const message = 'waits in the queue for ZeroDB, and no version has this document'
        yield { invariant: 'I5', tenantId, subject, message }
      } else if (isStuck) {
        const message = `has waited for ZeroDB for more than ${patienceHours} hours`
        yield { invariant: 'I6', tenantId, subject, message }
      }
    }
  }
}
