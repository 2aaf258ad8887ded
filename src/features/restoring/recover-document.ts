import type { NewRow, RowData } from '../../platform/zerodb.ts'
import { complaintAboutBody, complaintAboutHistory } from '../content/document-complaints.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import type { DocumentTable } from '../content/queued-documents.ts'
import type { Gap } from './find-gaps.ts'
import type { WantedVersion } from './list-versions.ts'
import type { CopiedVersionRow } from './restore-queries.ts'

/** A document as it was, ready to be written. */
export interface Recovered {
  table: DocumentTable
  row: NewRow
  /** Something damaged is in its place. */
  replaces: boolean
  /** Of a body, unpacked; 0 for a history entry. */
  bytes: number
}

/** The document that fills a gap, held against PostgreSQL; or why there is none to be had. */
export async function recover(
  { kind, version, isDamaged }: Gap,
  copy: CopiedVersionRow | undefined,
): Promise<Recovered | string> {
  if (!copy) return 'the copy has no such version'
  if (kind === 'history') {
    const complaint = complaintAboutHistory(version, asRow(copy.history))
    if (complaint) return `in the copy its history entry ${complaint}`
    const row = { ...asRow(copy.history), id: version.id }
    return { table: historyTable, row, replaces: isDamaged, bytes: 0 }
  }
  const row = bodyRowOf(version, copy)
  const complaint = await complaintAboutBody(version, row)
  if (complaint) return `in the copy its body ${complaint}`
  return { table: bodyTable, row, replaces: isDamaged, bytes: version.sizeBytes }
}

function asRow(value: unknown): RowData | undefined {
  return typeof value === 'object' && value !== null ? (value as RowData) : undefined
}

/** As `bodyRow` of `content/documents.ts` has made it. */
function bodyRowOf(version: WantedVersion, copy: CopiedVersionRow): NewRow {
  const at = version.createdAt.toISOString()
  return {
    id: version.documentId,
    content_id: version.contentId,
    brand_id: copy.brand_id,
    campaign_space_id: copy.campaign_space_id,
    user_id: copy.user_id,
    title: copy.title,
    content_type: copy.content_type,
    status: copy.status,
    metadata: copy.metadata,
    content_body: copy.content_body,
    storage_metadata: copy.storage_metadata,
    ...(asRow(copy.ai_generation_metadata) && {
      ai_generation_metadata: copy.ai_generation_metadata,
    }),
    sha256: version.sha256,
    version: copy.version,
    version_of: copy.version_of,
    created_at: at,
    updated_at: at,
    deleted_at: null,
  }
}
