import { isUuid } from '../../lib/id.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import { pageSize } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

/** A larger answer may be refused; rows come with all they hold. */
const bytesPerAnswer = 12 * 1024 ** 2
/** A content's own metadata at its largest; a history entry may hold it twice. */
const metadataBytes = 64 * 1024

/** I5, documents: rows of the tenant in ZeroDB that no version has and no open write explains. */
export async function* checkOrphans(
  deps: TenantDeps,
  largestBodyBytes: number,
): AsyncGenerator<Finding, void> {
  yield* walk(deps, bodyTable, largestBodyBytes + metadataBytes, isUnreferenced('document_id'))
  const isUnreferencedEntry = isUnreferenced('id', 'history_id')
  yield* walk(deps, historyTable, 2 * metadataBytes, isUnreferencedEntry)
}

/**
 * Of the ids in $2 those that are in no version and in no write that has not ended. A write is noted
 * before it stores anything and changes sides in one commit, so one statement sees it on one of them.
 */
function isUnreferenced(versionColumn: string, intentColumn = versionColumn): string {
  return `
    select stored.id from unnest($2::uuid[]) stored (id)
    where not exists (
        select from content_versions v where v.tenant_id = $1 and v.${versionColumn} = stored.id
      ) and not exists (
        select from content_write_intents i
        where i.tenant_id = $1 and i.${intentColumn} = stored.id
          and i.state in ('pending', 'aborted', 'swept')
      )`
}

async function* walk(
  deps: TenantDeps,
  table: string,
  largestRowBytes: number,
  unreferencedSql: string,
): AsyncGenerator<Finding, void> {
  const { zerodb, tenantId, signal, checked } = deps
  const limit = Math.min(1_000, Math.max(1, Math.floor(bytesPerAnswer / largestRowBytes)))
  let ids: string[] = []
  for await (const { id } of zerodb.eachRow(tenantId, table, { limit }, { signal })) {
    checked.documents++
    if (typeof id === 'string' && isUuid(id)) ids.push(id)
    else yield orphan(tenantId, table, String(id))
    if (ids.length < pageSize) continue
    yield* orphansAmong(deps, table, ids, unreferencedSql)
    ids = []
  }
  yield* orphansAmong(deps, table, ids, unreferencedSql)
}

/** The sweeper may have deleted a row and closed its write meanwhile: only what is still there counts. */
async function* orphansAmong(
  { reads, zerodb, tenantId, signal }: TenantDeps,
  table: string,
  ids: readonly string[],
  unreferencedSql: string,
): AsyncGenerator<Finding, void> {
  if (ids.length === 0) return
  const suspects = await reads.rows<{ id: string }>(unreferencedSql, [tenantId, ids])
  if (suspects.length === 0) return
  const suspectIds = suspects.map(({ id }) => id)
  const rows = await zerodb.getRowsByKey(tenantId, table, suspectIds, { signal })
  for (const id of rows.keys()) yield orphan(tenantId, table, id)
}

function orphan(tenantId: string, table: string, documentId: string): Finding {
  const message = 'no version has this document and no open write explains it'
  return { invariant: 'I5', tenantId, subject: { table, documentId }, message }
}
