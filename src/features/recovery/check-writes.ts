import type { WriteIntentState } from '../writing/write-intent.entity.ts'
import { beforeAllIds, eachPage, pageSize } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

/** The sweeper comes every few seconds: after this long it did not come, or failed. */
const graceMinutes = 5

interface Write {
  id: string
  contentId: string
  state: WriteIntentState
  isOverdue: boolean
  hasVersion: boolean
  isPurged: boolean
}

const writesSql = `
  select i.id, i.content_id as "contentId", i.state,
    i.lease_expires_at < now() - make_interval(mins => $4) as "isOverdue", exists (
      select from content_versions v where v.tenant_id = i.tenant_id and v.id = i.history_id
    ) as "hasVersion", exists (
      select from content_tombstones t
      where t.tenant_id = i.tenant_id and t.content_id = i.content_id
    ) as "isPurged"
  from content_write_intents i where i.tenant_id = $1 and i.id > $2 order by i.id limit $3`

/**
 * I5: an intent whose lease ran out holds a reservation, or documents, for nobody. I6 and I7: a write
 * has its version if and only if it was committed; an intent and its version change in one commit.
 */
export async function* checkWrites(deps: TenantDeps): AsyncGenerator<Finding, void> {
  const { reads, tenantId } = deps
  const pages = eachPage<Write>((last) =>
    reads.rows(writesSql, [tenantId, last?.id ?? beforeAllIds, pageSize, graceMinutes]),
  )
  for await (const page of pages) {
    for (const write of page) {
      const subject = { intentId: write.id, contentId: write.contentId }
      for (const complaint of complaints(write)) yield { ...complaint, tenantId, subject }
    }
  }
}

function* complaints(write: Write): Iterable<Pick<Finding, 'invariant' | 'message' | 'repair'>> {
  const { state, isOverdue, hasVersion, isPurged } = write
  if ((state === 'pending' || state === 'aborted') && isOverdue) {
    const message = `this write is ${state}, its lease ran out, and it was not swept`
    yield { invariant: 'I5', message, repair: 'sweep' }
  }
  if (state === 'committed' && !hasVersion && !isPurged) {
    yield { invariant: 'I6', message: 'this write was committed, and its version is not there' }
  }
  if (state !== 'committed' && hasVersion) {
    yield { invariant: 'I7', message: `this write is ${state}, and its version is there` }
  }
}
