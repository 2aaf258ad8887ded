import { isUuid } from '../../lib/id.ts'
import { decodeBody } from '../../platform/document-store.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { RowData } from '../../platform/zerodb.ts'
import { bodyTable, historyTable, readHistoryRow } from '../content/documents.ts'
import type { DocumentTable } from '../content/queued-documents.ts'

/** The version that a document is of. */
interface ExplainingVersion {
  id: string
  documentId: string
  contentId: string
  versionNumber: number
  sha256: string
  sizeBytes: number
}

const versionsSql = {
  [bodyTable]: versionsBy('document_id'),
  [historyTable]: versionsBy('id'),
}

/** Queued documents are on their way by themselves. */
function versionsBy(id: string): string {
  return `
    select distinct on (v.${id}) v.${id} as id, v.document_id as "documentId",
      v.content_id as "contentId", v.version_number as "versionNumber", v.sha256,
      v.size_bytes as "sizeBytes"
    from content_versions v
    where v.tenant_id = $1 and v.${id} = any($2::uuid[])
      and v.expired_at is null and v.documents_removed_at is null
      and not exists (
        select from queued_documents q where q.tenant_id = v.tenant_id and q.id = v.${id}
      )`
}

/** The versions that have these documents, by the documents' keys. */
export async function findVersions(
  { reads, tenantId }: { reads: TenantReads; tenantId: string },
  collection: DocumentTable,
  ids: readonly string[],
): Promise<Map<string, ExplainingVersion>> {
  const asked = ids.filter(isUuid)
  const found = await reads.rows<ExplainingVersion>(versionsSql[collection], [tenantId, asked])
  return new Map(found.map((version) => [version.id, version]))
}

/** Whether a document is what its version says of it. */
export async function isOf(
  version: ExplainingVersion,
  collection: DocumentTable,
  row: RowData,
): Promise<boolean> {
  const { documentId, contentId, versionNumber, sha256, sizeBytes } = version
  try {
    if (collection === bodyTable) {
      const body = await decodeBody(documentId, row)
      return body.sha256 === sha256 && body.sizeBytes === sizeBytes
    }
    const { body } = readHistoryRow(row).snapshot
    return (
      row['content_id'] === contentId &&
      row['version_number'] === versionNumber &&
      body.document_id === documentId &&
      body.sha256 === sha256
    )
  } catch {
    return false
  }
}
