import { UpstreamError } from '../../lib/errors.ts'
import { isUuid } from '../../lib/id.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { RowData, ZeroDb } from '../../platform/zerodb.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import type { DocumentTable } from '../content/queued-documents.ts'

export interface WalkDeps {
  zerodb: Pick<ZeroDb, 'queryRows' | 'getRowsByKey'>
  reads: TenantReads
  tenantId: string
  signal: AbortSignal
}

/** Counted while the walk goes on. */
export interface Walked {
  documents: number
  /** Versions have them, and ZeroDB does not. */
  missing: number
}

/**
 * All documents of the tenant, page after page. By keys and not by places: what is deleted meanwhile
 * moves nothing. X-26 is met twice: the end is an empty page, however short the others are, and
 * PostgreSQL says of each stretch which documents there must be; those that did not come are asked for
 * by their keys. Throws UpstreamError.
 */
export async function* walkCollection(
  deps: WalkDeps,
  collection: DocumentTable,
  walked: Walked,
): AsyncGenerator<RowData[], void> {
  const { zerodb, tenantId, signal } = deps
  const limit = await rowsPerPage(deps, collection)
  for (let [last, from] = ['', beforeAll]; ;) {
    const query = { filter: { id: { $gt: last } }, sort: { id: 1 }, limit } as const
    const rows = await zerodb.queryRows(tenantId, collection, query, { signal })
    const page = inOrder(collection, rows, last)
    const ids = [...page.keys()]
    const uuids = ids.filter(isUuid)
    const to = ids.length === 0 ? afterAll : (uuids.at(-1) ?? from)
    const stretch = { from, to, ids: uuids, limit }
    const found = await findPassedOver(deps, collection, stretch, walked)
    const documents = [...page.values(), ...found]
    walked.documents += documents.length
    if (documents.length > 0) yield documents
    if (ids.length === 0) return
    last = ids.at(-1) ?? last
    from = to
  }
}

const beforeAll = '00000000-0000-0000-0000-000000000000'
const afterAll = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** A larger answer may be refused; rows come with all they hold. */
const bytesPerAnswer = 12 * 1024 ** 2
/** A content's own metadata at its largest; a history entry may hold it twice. */
const metadataBytes = 64 * 1024

async function rowsPerPage({ reads }: WalkDeps, collection: DocumentTable): Promise<number> {
  const [largest] = await reads.rows<{ bytes: number }>(
    `select coalesce(max(size_bytes), 0) as bytes from content_versions where tenant_id = $1`,
    [reads.tenantId],
  )
  const bodyBytes = collection === bodyTable ? (largest?.bytes ?? 0) : metadataBytes
  return Math.min(1_000, Math.max(1, Math.floor(bytesPerAnswer / (bodyBytes + metadataBytes))))
}

/** By key, each once. A page out of order would let the walk pass over what it holds back. */
function inOrder(collection: string, rows: readonly RowData[], last: string): Map<string, RowData> {
  const page = new Map<string, RowData>()
  for (const row of rows) {
    const id = String(row['id'])
    const isBehind = page.size === 0 ? id > last : id >= last
    if (!isBehind) {
      throw new UpstreamError('ZeroDB', 'malformed', `does not give ${collection} by id: ${id}`)
    }
    last = id
    if (!page.has(id)) page.set(id, row)
  }
  return page
}

/** Where documents that must be there are not those on their way, nor those about to be removed. */
const expectedSql = {
  [bodyTable]: expected('document_id'),
  [historyTable]: expected('id'),
}

function expected(id: string): string {
  return `
    select distinct v.${id} as id from content_versions v
    where v.tenant_id = $1 and v.${id} > $2 and v.${id} <= $3 and v.${id} <> all($4::uuid[])
      and v.expired_at is null and v.documents_removed_at is null
      and not exists (
        select from queued_documents q where q.tenant_id = v.tenant_id and q.id = v.${id}
      )
    order by 1 limit $5`
}

interface Stretch {
  /** Not itself of the stretch, unlike `to`. */
  from: string
  to: string
  /** What came of it. */
  ids: readonly string[]
  /** Documents in one answer. */
  limit: number
}

/** Documents of the stretch that did not come, e.g. because they were just then written. */
async function findPassedOver(
  { zerodb, reads, tenantId, signal }: WalkDeps,
  collection: DocumentTable,
  { from, to, ids, limit }: Stretch,
  walked: Walked,
): Promise<RowData[]> {
  const found: RowData[] = []
  for (let after = from; ;) {
    const values = [tenantId, after, to, ids, limit]
    const absent = await reads.rows<{ id: string }>(expectedSql[collection], values)
    const asked = absent.map(({ id }) => id)
    if (asked.length === 0) return found
    const rows = await zerodb.getRowsByKey(tenantId, collection, asked, { signal })
    found.push(...rows.values())
    walked.missing += asked.length - rows.size
    if (asked.length < limit) return found
    after = asked.at(-1) ?? to
  }
}
