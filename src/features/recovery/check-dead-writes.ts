import type { WriteIntentState } from '../content/write-intent.entity.ts'
import { beforeAllIds, eachPage, pageSize } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

/** The sweeper comes every few seconds: after this long it did not come, or failed. */
const graceMinutes = 5

interface DeadWrite {
  id: string
  contentId: string
  state: WriteIntentState
}

const deadWritesSql = `
  select id, content_id as "contentId", state from content_write_intents
  where tenant_id = $1 and id > $2 and state in ('pending', 'aborted')
    and lease_expires_at < now() - make_interval(mins => $4)
  order by id limit $3`

/** I5, writers: an intent whose lease ran out holds a reservation, or documents, for nobody. */
export async function* checkDeadWrites(deps: TenantDeps): AsyncGenerator<Finding, void> {
  const { reads, tenantId } = deps
  const pages = eachPage<DeadWrite>((last) =>
    reads.rows(deadWritesSql, [tenantId, last?.id ?? beforeAllIds, pageSize, graceMinutes]),
  )
  for await (const page of pages) {
    for (const { id, contentId, state } of page) {
      const message = `this write is ${state}, its lease ran out, and it was not swept`
      yield { invariant: 'I5', tenantId, subject: { intentId: id, contentId }, message }
    }
  }
}
