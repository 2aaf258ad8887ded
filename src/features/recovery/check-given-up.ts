import { beforeAllIds, eachPage, pageSize } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

interface GivenUp {
  id: string
  contentId: string
  /** Null of a purge, which is of all versions. */
  versionNumber: number | null
  error: string | null
}

const givenUpSql = `
  select o.id, o.content_id as "contentId", o.error,
    case when o.operation <> 'purge' then o.version_number end as "versionNumber"
  from backup_outbox o
  where o.tenant_id = $1 and o.backed_up_at is null and o.quarantined_at is not null and o.id > $2
  order by o.id limit $3`

/** I9: nothing waits for the copy that the relay has ceased to try. */
export async function* checkGivenUp({
  reads,
  tenantId,
}: TenantDeps): AsyncGenerator<Finding, void> {
  const pages = eachPage((last: GivenUp | undefined) =>
    reads.rows<GivenUp>(givenUpSql, [tenantId, last?.id ?? beforeAllIds, pageSize]),
  )
  for await (const page of pages) {
    for (const { contentId, versionNumber, error } of page) {
      const subject = { contentId, ...(versionNumber !== null && { versionNumber }) }
      const message = `was given up by the copy: ${error ?? 'no reason is noted'}`
      yield { invariant: 'I9', tenantId, subject, message, repair: 'copy' }
    }
  }
}
