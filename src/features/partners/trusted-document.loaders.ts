import { align } from '../../lib/align.ts'
import { decodeCursor, encodeCursor, InvalidCursorError } from '../../lib/cursor.ts'
import { isUuid } from '../../lib/id.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { type TrustedDocument, TrustedDocumentSchema } from './trusted-document.entity.ts'

export interface TrustedDocumentDeps {
  reads: TenantReads
  tenantId: string
}

const columns = selectList(TrustedDocumentSchema, 'd')

const byIdSql = `
  select ${columns} from trusted_documents d where d.tenant_id = $1 and d.id = any($2::uuid[])`

/** Documents of the tenant, in key order. */
export async function loadTrustedDocuments(
  { reads, tenantId }: TrustedDocumentDeps,
  ids: readonly string[],
) {
  const found = await reads.rows<TrustedDocument>(byIdSql, [tenantId, ids])
  return align(ids, found, ({ id }) => id)
}

const byDocumentIdSql = `
  select ${columns} from trusted_documents d
  where d.tenant_id = $1 and d.document_id = any($2::text[])`

/** Documents by the hash of their text, in key order. */
export async function loadByDocumentId(
  { reads, tenantId }: TrustedDocumentDeps,
  documentIds: readonly string[],
) {
  const found = await reads.rows<TrustedDocument>(byDocumentIdSql, [tenantId, documentIds])
  return align(documentIds, found, ({ documentId }) => documentId)
}

const order = 'trusted'

/** The place of a document in the list is its id, which begins with the time it was registered. */
export function documentCursorOf({ id }: TrustedDocument): string {
  return encodeCursor(order, [id])
}

export interface TrustedDocumentPage {
  limit: number
  cursor: string | undefined
  /** Only those that nobody has asked for since; undefined for all. */
  unusedSince: Date | undefined
}

const listSql = `
  select ${columns} from trusted_documents d
  where d.tenant_id = $1 and ($2::uuid is null or d.id < $2)
    and ($3::timestamptz is null or coalesce(d.last_used_at, d.created_at) < $3)
  order by d.id desc limit $4`

/** Newest first; one more than asked for, if there is one, to tell that more follow. */
export function listTrustedDocuments(
  { reads, tenantId }: TrustedDocumentDeps,
  { limit, cursor, unusedSince }: TrustedDocumentPage,
): Promise<TrustedDocument[]> {
  const after = cursor === undefined ? null : idAt(cursor)
  return reads.rows(listSql, [tenantId, after, unusedSince ?? null, limit + 1])
}

function idAt(cursor: string): string {
  const [id] = decodeCursor(cursor, order, 1)
  if (id == null || !isUuid(id)) throw new InvalidCursorError()
  return id
}
