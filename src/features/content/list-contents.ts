import type { Viewer } from '../../lib/viewer.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { rowLimit } from '../../platform/postgres/row-limit.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { SqlParams } from '../../platform/postgres/sql-params.ts'
import { type Content, ContentSchema } from './content.entity.ts'
import { type ContentOrder, ContentOrdering } from './content-order.ts'
import { type ContentWhere, compileWhere } from './content-where.ts'
import { type Count, type CountMode, countRows } from './count-rows.ts'
import { type DeletedMode, visibleContents } from './visibility.ts'

export interface ContentReadDeps {
  reads: TenantReads
  viewer: Viewer
  tenantId: string
}

/** Which contents are meant. */
export interface ContentFilter {
  where: readonly ContentWhere[]
  deleted: DeletedMode
}

export interface ContentPageRequest extends ContentFilter {
  limit: number
  /** From the end of the list towards its beginning; rows still come in list order. */
  backward: boolean
  /** Only what lies beyond this place in reading direction. */
  cursor: string | undefined
  orderBy: readonly ContentOrder[] | undefined
  /** What is read of each content; what its place in the list depends on is read in any case. */
  columns: ContentColumns
}

/** Properties, or all of them; rows without the others are for whoever has asked for no more. */
export type ContentColumns = ReadonlySet<ContentColumn> | 'all'
export type ContentColumn = keyof Content & string

export interface ContentPage {
  rows: Content[]
  /** Whether more lies beyond the page in reading direction. */
  hasMore: boolean
  ordering: ContentOrdering
}

export const contentColumns = selectList(ContentSchema, 'c')

/** One page: a keyset statement that fetches more rows than asked for to know whether more follow. */
export async function listContents(
  deps: ContentReadDeps,
  request: ContentPageRequest,
): Promise<ContentPage> {
  const { limit, backward, cursor, orderBy, columns } = request
  const ordering = new ContentOrdering(orderBy)
  const params = new SqlParams()
  const conditions = matching(deps.viewer, request, params)
  if (cursor !== undefined) conditions.push(ordering.beyond(cursor, backward, params))
  const rows = await deps.reads.rows<Content>(
    `select ${selected(columns, ordering)} from content_items c where ${conditions.join(' and ')}
     order by ${ordering.orderBy(backward)} limit ${rowLimit(limit)}`,
    params.values,
  )
  const hasMore = rows.length > limit
  if (hasMore) rows.length = limit
  if (backward) rows.reverse()
  return { rows, hasMore, ordering }
}

function selected(columns: ContentColumns, ordering: ContentOrdering): string {
  if (columns === 'all') return contentColumns
  return selectList(ContentSchema, 'c', new Set<string>([...columns, ...ordering.properties]))
}

/** Counts what `filter` matches, at the price of `mode`. */
export function countContents(
  { reads, viewer }: ContentReadDeps,
  filter: ContentFilter,
  mode: CountMode,
  cap: number,
): Promise<Count> {
  const params = new SqlParams()
  const from = `from content_items c where ${matching(viewer, filter, params).join(' and ')}`
  return countRows(reads, from, params, mode, cap)
}

function matching(viewer: Viewer, { where, deleted }: ContentFilter, params: SqlParams): string[] {
  return [
    visibleContents(viewer, params, deleted),
    ...where.map((filter) => compileWhere(filter, params)),
  ]
}
