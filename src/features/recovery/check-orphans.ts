import { isUuid } from '../../lib/id.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import type { DocumentTable } from '../content/queued-documents.ts'
import { pageSize } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

/** A larger answer may be refused; rows come with all they hold. */
const bytesPerAnswer = 12 * 1024 ** 2
/** A content's own metadata at its largest; a history entry may hold it twice. */
const metadataBytes = 64 * 1024

/** Sql that answers which of the ids in $2 nothing of tenant $1 explains. */
export const unexplainedSql = {
  [bodyTable]: unexplained('document_id', 'document_id', 'document_ids'),
  [historyTable]: unexplained('id', 'history_id', 'history_ids'),
}

/** I5, documents: rows of the tenant in ZeroDB that nothing in PostgreSQL explains. */
export async function* checkOrphans(
  deps: TenantDeps,
  largestBodyBytes: number,
): AsyncGenerator<Finding, void> {
  yield* walk(deps, bodyTable, largestBodyBytes + metadataBytes)
  yield* walk(deps, historyTable, 2 * metadataBytes)
}

/**
 * Neither a version that keeps its documents, nor a write that has not ended, nor a purge has them; a
 * purge deletes them once more a day later. A write is noted before it stores anything and changes
 * sides in one commit, as does a purge, so one statement sees each on one of them.
 */
function unexplained(ofVersion: string, ofIntent: string, ofTombstone: string): string {
  return `
    select stored.id from unnest($2::uuid[]) stored (id)
    where not exists (
        select from content_versions v
        where v.tenant_id = $1 and v.${ofVersion} = stored.id and v.documents_removed_at is null
      ) and not exists (
        select from content_write_intents i
        where i.tenant_id = $1 and i.${ofIntent} = stored.id
          and i.state in ('pending', 'aborted', 'swept')
      ) and not exists (
        select from (
          select unnest(t.${ofTombstone}) as id from content_tombstones t
          where t.tenant_id = $1
            and coalesce(t.documents_removed_at, now()) > now() - interval '2 days'
        ) purged where purged.id = stored.id
      )`
}

async function* walk(
  deps: TenantDeps,
  table: DocumentTable,
  largestRowBytes: number,
): AsyncGenerator<Finding, void> {
  const { zerodb, tenantId, signal, checked } = deps
  const limit = Math.min(1_000, Math.max(1, Math.floor(bytesPerAnswer / largestRowBytes)))
  let ids: string[] = []
  for await (const { id } of zerodb.eachRow(tenantId, table, { limit }, { signal })) {
    checked.documents++
    if (typeof id === 'string' && isUuid(id)) ids.push(id)
    else yield strange(tenantId, table, String(id))
    if (ids.length < pageSize) continue
    yield* orphansAmong(deps, table, ids)
    ids = []
  }
  yield* orphansAmong(deps, table, ids)
}

/** Whoever explained a row may have deleted it meanwhile: only what is still there counts. */
async function* orphansAmong(
  { reads, zerodb, tenantId, signal }: TenantDeps,
  table: DocumentTable,
  ids: readonly string[],
): AsyncGenerator<Finding, void> {
  if (ids.length === 0) return
  const suspects = await reads.rows<{ id: string }>(unexplainedSql[table], [tenantId, ids])
  if (suspects.length === 0) return
  const suspectIds = suspects.map(({ id }) => id)
  const rows = await zerodb.getRowsByKey(tenantId, table, suspectIds, { signal })
  for (const id of rows.keys()) yield orphan(tenantId, table, id)
}

function orphan(tenantId: string, table: DocumentTable, documentId: string): Finding {
  const message = 'no version has this document, no open write and no purge explains it'
  const subject = { table, documentId }
  return { invariant: 'I5', tenantId, subject, message, repair: 'orphan' }
}

/** Not deleted by a repair: whoever put it there may need it. */
function strange(tenantId: string, table: DocumentTable, documentId: string): Finding {
  const message = 'its key is not one that the gateway makes'
  return { invariant: 'I5', tenantId, subject: { table, documentId }, message }
}
