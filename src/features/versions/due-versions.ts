import type { Database } from '../../platform/postgres/database.ts'
import { maxKeptVersions, retentionDaysOf } from './version-retention.ts'

/** Of a page of contents. */
export interface DueVersions {
  /** The versions to be marked as expired. */
  ids: string[]
  /** How many lose their documents: these, and those that were marked before. */
  versions: number
  /** Of bodies that no other version has. */
  bytes: number
}

/** Contents in one statement. */
const pageSize = 1_000

/** The row of a page whose contents all are before `last`; null ends the walk. */
interface Page extends DueVersions {
  last: string | null
}

/**
 * Versions are due in order, by when the next one took their place and by how many newer ones there
 * are: one walk along the index of a content's versions tells both. A body goes with the last of the
 * versions that have it.
 */
const dueSql = `
  with page as (
    select id from content_items where tenant_id = $1 and id > $2 order by id limit $3
  ), numbered as (
    select v.* from page cross join lateral (
      select v.id, v.content_id, v.version_number, v.document_id, v.size_bytes, v.expired_at,
        v.pinned_at, v.documents_removed_at, lag(v.created_at) over newer as replaced_at,
        count(*) filter (where v.expired_at is null and v.pinned_at is null) over newer as place
      from content_versions v where v.tenant_id = $1 and v.content_id = page.id
      window newer as (order by v.version_number desc)
    ) v
  ), judged as (
    select *, expired_at is null and pinned_at is null and replaced_at is not null and (
      place > ${maxKeptVersions}
      or replaced_at + make_interval(days => ${retentionDaysOf('$1')}) < now()
    ) as is_due
    from numbered where documents_removed_at is null
  )
  select (select id from page order by id desc limit 1) as last,
    array(select id::text from judged where is_due order by content_id, version_number) as ids,
    (select count(*) from judged where is_due or expired_at is not null) as versions,
    (select coalesce(sum(bytes), 0)::bigint from (
      select max(size_bytes) as bytes from judged
      group by document_id having bool_and(is_due or expired_at is not null)
    ) bodies) as bytes`

/** What of a tenant's versions the plan keeps no longer, page after page. */
export async function* dueVersions(
  { database, signal }: { database: Database; signal: AbortSignal },
  tenantId: string,
): AsyncGenerator<DueVersions, void> {
  const reads = database.reads.forTenant(tenantId)
  for (let after: string | null = beforeAllIds; after !== null;) {
    signal.throwIfAborted()
    const [page]: Page[] = await reads.rows<Page>(dueSql, [tenantId, after, pageSize])
    if (page) yield page
    after = page?.last ?? null
  }
}

const beforeAllIds = '00000000-0000-0000-0000-000000000000'
