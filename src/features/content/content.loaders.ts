import { align } from '../../lib/align.ts'
import { limitJson } from '../quota/plan-tiers.ts'
import { SqlParams } from '../../platform/postgres/sql-params.ts'
import type { Content } from './content.entity.ts'
import type { ExternalRef } from './content-where.ts'
import { type ContentReadDeps, contentColumns } from './list-contents.ts'
import { type DeletedMode, visibleContents } from './visibility.ts'

/** Contents within the viewer's reach, in key order; those in the trash only with INCLUDE. */
export async function loadContents(
  { reads, viewer }: ContentReadDeps,
  ids: readonly string[],
  deleted: DeletedMode = 'EXCLUDE',
): Promise<(Content | null)[]> {
  const params = new SqlParams()
  const found = await reads.rows<Content>(
    `select ${contentColumns} from content_items c
     where ${visibleContents(viewer, params, deleted)} and c.id = any(${params.add(ids)}::uuid[])`,
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
     where ${visibleContents(viewer, params)}
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

/**
 * When the current versions of contents reached the recovery copy; null for those not there yet. It is
 * noted for each version: an update must not inherit its predecessor's.
 */
export async function loadBackupTimes(
  { reads, tenantId }: ContentReadDeps,
  ids: readonly string[],
): Promise<(Date | null)[]> {
  const found = await reads.rows<{ id: string; backedUpAt: Date | null }>(
    `select c.id, o.backed_up_at as "backedUpAt"
     from content_items c join backup_outbox o on o.tenant_id = c.tenant_id
       and o.content_id = c.id and o.version_number = c.version
     where c.tenant_id = $1 and c.id = any($2::uuid[])`,
    [tenantId, ids],
  )
  return align(ids, found, ({ id }) => id).map((version) => version?.backedUpAt ?? null)
}

/** The writes that made these versions and whose documents still wait for ZeroDB; null for others. */
export async function loadQueuedWrites(
  { reads, tenantId }: ContentReadDeps,
  versions: readonly { contentId: string; version: number }[],
): Promise<(string | null)[]> {
  const found = await reads.rows<{ contentId: string; version: number; writeId: string }>(
    `select v.content_id as "contentId", v.version_number as version, q.write_id as "writeId"
     from content_versions v join queued_documents q on q.tenant_id = v.tenant_id and q.id = v.id
     where v.tenant_id = $1 and (v.content_id, v.version_number) in (
       select * from unnest($2::uuid[], $3::integer[])
     )`,
    [tenantId, versions.map(({ contentId }) => contentId), versions.map((v) => `${v.version}`)],
  )
  const keyOf = (contentId: string, version: number) => `${contentId}:${version}`
  const keys = versions.map(({ contentId, version }) => keyOf(contentId, version))
  const aligned = align(keys, found, ({ contentId, version }) => keyOf(contentId, version))
  return aligned.map((write) => write?.writeId ?? null)
}

export interface TrashTimes {
  id: string
  deletedAt: Date
  /** Null: as long as it takes. */
  recoverableUntil: Date | null
}

/** When contents went into the trash, last if they were there more than once, and for how long. */
export async function loadTrashTimes(
  { reads, tenantId }: ContentReadDeps,
  ids: readonly string[],
): Promise<(TrashTimes | null)[]> {
  const found = await reads.rows<TrashTimes>(
    `with trash as (
       select c.id, coalesce(c.deleted_at, max(v.created_at)) as deleted_at
       from content_items c join content_versions v
         on v.tenant_id = c.tenant_id and v.content_id = c.id and v.change_type = 'delete'
       where c.tenant_id = $1 and c.id = any($2::uuid[]) group by c.tenant_id, c.id
     )
     select trash.id, deleted_at as "deletedAt",
       deleted_at + make_interval(days => ($3::jsonb ->> t.plan_tier)::integer) as "recoverableUntil"
     from trash join tenants t on t.id = $1`,
    [tenantId, ids, limitJson(({ retentionDays }) => retentionDays)],
  )
  return align(ids, found, ({ id }) => id)
}
