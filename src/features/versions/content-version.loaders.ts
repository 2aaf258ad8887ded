import { align } from '../../lib/align.ts'
import { UpstreamError } from '../../lib/errors.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { SqlParams } from '../../platform/postgres/sql-params.ts'
import { keysPerQuery, type RowData, type ZeroDb } from '../../platform/zerodb.ts'
import {
  type ChangeType,
  type ContentVersion,
  ContentVersionSchema,
} from '../content/content-version.entity.ts'
import { type HistoryEntry, historyTable, readHistoryRow } from '../content/documents.ts'
import type { ContentReadDeps } from '../content/list-contents.ts'
import { findQueued } from '../content/queued-documents.ts'
import {
  expiresAtSql,
  retentionDaysSql,
  retentionSql,
  type VersionRetention,
} from './version-retention.ts'
import { visibleContents } from '../content/visibility.ts'

/** A version, and when and why the plan lets go of it. */
export interface RetainedVersion extends ContentVersion {
  retention: VersionRetention
  /** Null while nothing says so: it is current or pinned, or the plan keeps everything. */
  expiresAt: Date | null
  /** Of the tenant's plan by now; null is for ever. */
  retentionDays: number | null
}

const versionColumns = `${selectList(ContentVersionSchema, 'v')},
  ${retentionSql} as retention, ${expiresAtSql} as "expiresAt", ${retentionDaysSql} as "retentionDays"`

/** Which versions of a content; what is absent does not narrow. */
export interface VersionFilter {
  changeTypes?: readonly ChangeType[] | undefined
  retention?: readonly VersionRetention[] | undefined
}

function matching({ changeTypes, retention }: VersionFilter, params: SqlParams): string {
  const conditions = ['true']
  if (changeTypes) conditions.push(`v.change_type = any(${params.add(changeTypes)}::text[])`)
  if (retention) conditions.push(`${retentionSql} = any(${params.add(retention)}::text[])`)
  return conditions.join(' and ')
}

export interface VersionPageRequest {
  limit: number
  backward: boolean
  /** Only versions beyond this number in reading direction. */
  beyond: number | undefined
  filter: VersionFilter
}

/** A page of versions per content, newest first, each with one row more than asked; one statement. */
export async function loadVersionPages(
  { reads, tenantId }: ContentReadDeps,
  contentIds: readonly string[],
  { limit, backward, beyond, filter }: VersionPageRequest,
): Promise<RetainedVersion[][]> {
  const params = new SqlParams()
  const wanted = params.add(contentIds)
  const number = params.add(beyond ?? null)
  const found = await reads.rows<RetainedVersion>(
    `select v.* from unnest(${wanted}::uuid[]) wanted (content_id) cross join lateral (
       select ${versionColumns} from content_versions v
       where v.tenant_id = ${params.add(tenantId)} and v.content_id = wanted.content_id
         and (${number}::integer is null or v.version_number ${backward ? '>' : '<'} ${number}::integer)
         and ${matching(filter, params)}
       order by v.version_number ${backward ? 'asc' : 'desc'} limit ${params.add(limit + 1)}
     ) v`,
    params.values,
  )
  const pages = Map.groupBy(found, (version) => version.contentId)
  return contentIds.map((id) => pages.get(id) ?? [])
}

export interface VersionTotals {
  contentId: string
  count: number
  /** Of the distinct body documents that are still kept. */
  bytes: number
}

/** How many versions of each content match, and what they take up, in key order. */
export async function loadVersionTotals(
  { reads, tenantId }: ContentReadDeps,
  contentIds: readonly string[],
  filter: VersionFilter,
): Promise<(VersionTotals | null)[]> {
  const params = new SqlParams()
  const found = await reads.rows<VersionTotals>(
    `select content_id as "contentId", sum(versions)::bigint as count,
       coalesce(sum(bytes) filter (where kept), 0)::bigint as bytes
     from (
       select v.content_id, count(*) as versions, max(v.size_bytes) as bytes,
         bool_or(v.documents_removed_at is null) as kept
       from content_versions v
       where v.tenant_id = ${params.add(tenantId)}
         and v.content_id = any(${params.add(contentIds)}::uuid[]) and ${matching(filter, params)}
       group by v.content_id, v.document_id
     ) documents group by content_id`,
    params.values,
  )
  return align(contentIds, found, ({ contentId }) => contentId)
}

export interface VersionKey {
  contentId: string
  number: number
}

/** Versions by content and number, in key order. */
export async function loadVersionsByNumber(
  { reads, tenantId }: ContentReadDeps,
  keys: readonly VersionKey[],
): Promise<(RetainedVersion | null)[]> {
  const found = await reads.rows<RetainedVersion>(
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

/** For each content the version that was current at a time, in key order; null before the first. */
export async function loadVersionsAt(
  { reads, tenantId }: ContentReadDeps,
  contentIds: readonly string[],
  at: Date,
): Promise<(RetainedVersion | null)[]> {
  const found = await reads.rows<RetainedVersion>(
    `select v.* from unnest($2::uuid[]) wanted (content_id) cross join lateral (
       select ${versionColumns} from content_versions v
       where v.tenant_id = $1 and v.content_id = wanted.content_id and v.created_at <= $3
       order by v.version_number desc limit 1
     ) v`,
    [tenantId, contentIds, at],
  )
  return align(contentIds, found, ({ contentId }) => contentId)
}

/** Versions whose content is within the viewer's reach, in key order. */
export async function loadVersions(
  { reads, viewer }: ContentReadDeps,
  ids: readonly string[],
): Promise<(RetainedVersion | null)[]> {
  const params = new SqlParams()
  const found = await reads.rows<RetainedVersion>(
    `select ${versionColumns} from content_versions v
     join content_items c on c.tenant_id = v.tenant_id and c.id = v.content_id
     where ${visibleContents(viewer, params, 'INCLUDE')}
       and v.id = any(${params.add(ids)}::uuid[])`,
    params.values,
  )
  return align(ids, found, (version) => version.id)
}

export interface HistoryReadDeps {
  reads: TenantReads
  zerodb: ZeroDb
  tenantId: string
  signal: AbortSignal
  plan: { zerodb: number }
}

/** History entries by version id, in key order: snapshot, summary and diff. Throws UpstreamError. */
export async function loadHistory(
  deps: HistoryReadDeps,
  versionIds: readonly string[],
): Promise<(HistoryEntry | null)[]> {
  const settled = await loadHistorySettled(deps, versionIds)
  return settled.map((entry) => {
    if (entry instanceof Error) throw entry
    return entry
  })
}

/**
 * The same, one by one: while ZeroDB is away, entries that wait for it in PostgreSQL are had all the
 * same, and in place of the others is its failure.
 */
export async function loadHistorySettled(
  deps: HistoryReadDeps,
  versionIds: readonly string[],
): Promise<(HistoryEntry | UpstreamError | null)[]> {
  const { zerodb, tenantId, signal, plan } = deps
  plan.zerodb += Math.ceil(versionIds.length / keysPerQuery)
  const stored = await zerodb
    .getRowsByKey(tenantId, historyTable, versionIds, { signal })
    .catch(asUpstreamError)
  const rows = stored instanceof UpstreamError ? new Map<string, RowData>() : stored
  const missing = versionIds.filter((id) => !rows.has(id))
  const queued = missing.length > 0 ? await findQueued(deps, historyTable, missing) : undefined
  return versionIds.map((id) => {
    const row = rows.get(id) ?? queued?.get(id)
    if (!row) return stored instanceof UpstreamError ? stored : null
    try {
      return readHistoryRow(row)
    } catch (error) {
      return asUpstreamError(error)
    }
  })
}

function asUpstreamError(error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error
  throw error
}
