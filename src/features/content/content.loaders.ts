import { align } from '../../lib/align.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { SqlParams } from '../../platform/postgres/sql-params.ts'
import type { Content } from './content.entity.ts'
import type { ExternalRef } from './content-where.ts'
import { type ContentVersion, ContentVersionSchema } from './content-version.entity.ts'
import { type HistoryEntry, historyTable, readHistoryRow } from './documents.ts'
import { type ContentReadDeps, contentColumns } from './list-contents.ts'
import { visibleContents } from './visibility.ts'

/** Contents within the viewer's reach that are not deleted, in key order. */
export async function loadContents(
  { reads, viewer }: ContentReadDeps,
  ids: readonly string[],
): Promise<(Content | null)[]> {
  const params = new SqlParams()
  const found = await reads.rows<Content>(
    `select ${contentColumns} from content_items c
     where ${visibleContents(viewer, params)} and c.deleted_at is null
       and c.id = any(${params.add(ids)}::uuid[])`,
    params.values,
  )
  return align(ids, found, (content) => content.id)
}

/** The same by the callers' own names for them. */
export async function loadContentsByRef(
  { reads, viewer }: ContentReadDeps,
  refs: readonly ExternalRef[],
): Promise<(Content | null)[]> {
  const params = new SqlParams()
  const systems = params.add(refs.map(({ system }) => system))
  const ids = params.add(refs.map(({ id }) => id))
  const found = await reads.rows<Content>(
    `select ${contentColumns} from content_items c
     where ${visibleContents(viewer, params)} and c.deleted_at is null
       and (c.external_system, c.external_id) in (
         select * from unnest(${systems}::text[], ${ids}::text[])
       )`,
    params.values,
  )
  const keyOf = (system: string, id: string) => JSON.stringify([system, id])
  return align(
    refs.map(({ system, id }) => keyOf(system, id)),
    found,
    (content) => keyOf(content.externalSystem ?? '', content.externalId ?? ''),
  )
}

export interface VersionPageRequest {
  limit: number
  backward: boolean
  /** Only versions beyond this number in reading direction. */
  beyond: number | undefined
}

const versionColumns = selectList(ContentVersionSchema, 'v')

/** A page of versions per content, newest first, each with one row more than asked; one statement. */
export async function loadVersionPages(
  { reads, tenantId }: ContentReadDeps,
  contentIds: readonly string[],
  { limit, backward, beyond }: VersionPageRequest,
): Promise<ContentVersion[][]> {
  const found = await reads.rows<ContentVersion>(
    `select v.* from unnest($2::uuid[]) wanted (content_id) cross join lateral (
       select ${versionColumns} from content_versions v
       where v.tenant_id = $1 and v.content_id = wanted.content_id
         and ($3::integer is null or v.version_number ${backward ? '>' : '<'} $3::integer)
       order by v.version_number ${backward ? 'asc' : 'desc'} limit $4
     ) v`,
    [tenantId, contentIds, beyond ?? null, limit + 1],
  )
  const pages = Map.groupBy(found, (version) => version.contentId)
  return contentIds.map((id) => pages.get(id) ?? [])
}

/** Versions by content and number, in key order. */
export async function loadVersionsByNumber(
  { reads, tenantId }: ContentReadDeps,
  keys: readonly { contentId: string; number: number }[],
): Promise<(ContentVersion | null)[]> {
  const found = await reads.rows<ContentVersion>(
    `select ${versionColumns} from content_versions v
     where v.tenant_id = $1 and (v.content_id, v.version_number) in (
       select * from unnest($2::uuid[], $3::integer[])
     )`,
    [tenantId, keys.map((key) => key.contentId), keys.map((key) => String(key.number))],
  )
  const keyOf = (contentId: string, number: number) => `${contentId}:${number}`
  return align(
    keys.map(({ contentId, number }) => keyOf(contentId, number)),
    found,
    (version) => keyOf(version.contentId, version.versionNumber),
  )
}

/** Versions whose content is within the viewer's reach, in key order. */
export async function loadVersions(
  { reads, viewer }: ContentReadDeps,
  ids: readonly string[],
): Promise<(ContentVersion | null)[]> {
  const params = new SqlParams()
  const found = await reads.rows<ContentVersion>(
    `select ${versionColumns} from content_versions v
     join content_items c on c.tenant_id = v.tenant_id and c.id = v.content_id
     where ${visibleContents(viewer, params)} and c.deleted_at is null
       and v.id = any(${params.add(ids)}::uuid[])`,
    params.values,
  )
  return align(ids, found, (version) => version.id)
}

/** History entries from ZeroDB by version id, in key order: snapshot, summary and diff. */
export async function loadHistory(
  deps: { zerodb: ZeroDb; tenantId: string; signal: AbortSignal; plan: { zerodb: number } },
  versionIds: readonly string[],
): Promise<(HistoryEntry | null)[]> {
  const { zerodb, tenantId, signal, plan } = deps
  plan.zerodb += Math.ceil(versionIds.length / 100)
  const found = await zerodb.getRowsByKey(tenantId, historyTable, versionIds, { signal })
  return versionIds.map((id) => {
    const row = found.get(id)
    return row ? readHistoryRow(row) : null
  })
}
