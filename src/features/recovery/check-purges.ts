import { beforeAllIds, eachPage, pageSize } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

/** The collector comes every few minutes: after this long it did not come, or failed. */
const graceHours = 1

interface Purge {
  contentId: string
  /** ZeroDB should be rid of its documents by now. */
  isOverdue: boolean
  events: number
  /** Tables that still know it. */
  remains: string[]
}

const purgesSql = `
  select t.content_id as "contentId", t.documents_removed_at is null
      and t.created_at < now() - make_interval(hours => $4) as "isOverdue",
    (
      select count(*) from backup_outbox o
      where o.tenant_id = t.tenant_id and o.content_id = t.content_id and o.operation = 'purge'
    ) as events,
    array(
      select 'content_items' from content_items c
      where c.tenant_id = t.tenant_id and c.id = t.content_id
      union all
      select distinct 'content_versions' from content_versions v
      where v.tenant_id = t.tenant_id and v.content_id = t.content_id
      union all
      select distinct 'queued_documents' from queued_documents q
      where q.tenant_id = t.tenant_id and q.content_id = t.content_id
    ) as remains
  from content_tombstones t
  where t.tenant_id = $1 and t.content_id > $2 order by t.content_id limit $3`

/** What was purged is gone from PostgreSQL (I7), soon from ZeroDB (I5), and the copy is told (I4). */
export async function* checkPurges({ reads, tenantId }: TenantDeps): AsyncGenerator<Finding, void> {
  const pages = eachPage<Purge>((last) =>
    reads.rows(purgesSql, [tenantId, last?.contentId ?? beforeAllIds, pageSize, graceHours]),
  )
  for await (const page of pages) {
    for (const purge of page) {
      const subject = { contentId: purge.contentId }
      for (const complaint of complaints(purge)) yield { ...complaint, tenantId, subject }
    }
  }
}

function* complaints(purge: Purge): Iterable<Pick<Finding, 'invariant' | 'message' | 'repair'>> {
  const { isOverdue, events, remains } = purge
  if (remains.length > 0) {
    yield { invariant: 'I7', message: `was purged, and is still in ${remains.join(', ')}` }
  }
  if (events === 0) {
    yield { invariant: 'I4', message: 'its purge has no outbox event', repair: 'outbox' }
  } else if (events > 1) {
    yield { invariant: 'I4', message: `its purge has ${events} outbox events` }
  }
  if (isOverdue) {
    const message = `was purged over ${graceHours} h ago, and its documents are still to be deleted`
    yield { invariant: 'I5', message, repair: 'purge' }
  }
}
