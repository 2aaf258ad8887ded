import type { Viewer } from '../../lib/viewer.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { SqlParams } from '../../platform/postgres/sql-params.ts'
import type { ChangeType } from '../content/content-version.entity.ts'
import { type ContentWhere, compileWhere } from '../content/content-where.ts'
import { visibleContents } from '../content/visibility.ts'
import { findFeedEnd } from '../tenancy/find-feed-end.ts'

/** What became of a content. */
export interface ContentChange {
  sequence: number
  at: Date
  kind: ChangeType
  contentId: string
  /** It went into the trash, offline or out of existence, and out of the viewer's sight with it. */
  isGone: boolean
}

export interface ChangePage {
  /** By rising sequence, one for each content. */
  changes: ContentChange[]
  /** Everything up to here was looked at, whether this viewer is told of it or not. */
  upTo: number
  hasMore: boolean
}

/** Looked at in one step. */
const pageSize = 100

interface ChangeRow {
  sequence: number
  at: Date
  /** Null for a purge. */
  kind: ChangeType | null
  contentId: string
  /** Whether everybody may have seen it at some time. */
  wasPublished: boolean
}

// A tombstone stands in the place of all versions, so a content is in one of the two only.
const changesSql = `
  select v.sequence, v.created_at as at, v.change_type as kind, v.content_id as "contentId",
    exists (select from content_versions p where p.tenant_id = v.tenant_id
      and p.content_id = v.content_id and p.change_type = 'publish') as "wasPublished"
  from content_versions v where v.tenant_id = $1 and v.sequence > $2
  union all
  select t.sequence, t.created_at, null, t.content_id, true
  from content_tombstones t where t.tenant_id = $1 and t.sequence > $2
  order by sequence limit ${pageSize}`

/**
 * What happened to contents after number `after` of the feed, as far as this viewer is concerned and
 * `where` fits how they are now; with null nothing yet, and where it ends. A content that was never in their sight is not mentioned, nor one
 * that `where` does not fit, even if it did before: how it was is not known here.
 */
export async function listChanges(
  reads: TenantReads,
  viewer: Viewer,
  where: ContentWhere,
  after: number | null,
): Promise<ChangePage> {
  if (after === null) return { changes: [], upTo: await findFeedEnd(reads), hasMore: false }
  const rows = await reads.rows<ChangeRow>(changesSql, [reads.tenantId, after])
  const last = new Map(rows.map((row) => [row.contentId, row]))
  const found = await findStates(reads, viewer, where, [...last.keys()])
  const changes = rows.flatMap((row) => {
    if (last.get(row.contentId) !== row) return []
    const change = changeOf(row, found.get(row.contentId), viewer)
    return change ? [change] : []
  })
  return { changes, upTo: rows.at(-1)?.sequence ?? after, hasMore: rows.length === pageSize }
}

/**
 * For contents that `where` fits, whether the viewer sees them; those of foreign brands are not among
 * them, those in the trash or not published are.
 */
async function findStates(
  reads: TenantReads,
  viewer: Viewer,
  where: ContentWhere,
  ids: readonly string[],
): Promise<Map<string, boolean>> {
  if (ids.length === 0) return new Map()
  const params = new SqlParams()
  const scopes = new Set([...viewer.scopes, 'CONTENT_READ_DRAFT' as const])
  const found = await reads.rows<{ id: string; isVisible: boolean }>(
    `select c.id, (${visibleContents(viewer, params)}) as "isVisible" from content_items c
     where ${visibleContents({ ...viewer, scopes }, params, 'INCLUDE')}
       and ${compileWhere(where, params)} and c.id = any(${params.add(ids)}::uuid[])`,
    params.values,
  )
  return new Map(found.map(({ id, isVisible }) => [id, isVisible]))
}

function changeOf(
  { kind, wasPublished, ...row }: ChangeRow,
  isVisible: boolean | undefined,
  viewer: Viewer,
): ContentChange | null {
  // Of what is purged nobody knows whose it was: only who sees all of it is told.
  if (kind === null) return seesAll(viewer) ? { ...row, kind: 'delete', isGone: true } : null
  if (isVisible === undefined) return null
  // A later change has brought it back: that one will tell.
  if (isVisible) return kind === 'delete' ? null : { ...row, kind, isGone: false }
  const wasSeen = wasPublished || viewer.scopes.has('CONTENT_READ_DRAFT')
  return wasSeen ? { ...row, kind: 'delete', isGone: true } : null
}

function seesAll({ scopes, brandIds }: Viewer): boolean {
  return brandIds === null && scopes.has('CONTENT_READ_DRAFT')
}
