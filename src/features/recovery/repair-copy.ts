import type { Finding, RepairDeps, TenantDeps } from './finding.ts'

/** Also of purges: the copy lets go of what it has of them when it is told again. */
const sendAgainSql = `
  update backup_outbox o set backed_up_at = null, batch_id = null, attempts = 0,
    quarantined_at = null
  from jsonb_to_recordset(?::jsonb) again (content_id uuid, version_number integer)
  where o.tenant_id = ? and o.content_id = again.content_id
    and (o.backed_up_at is not null or o.quarantined_at is not null)
    and case when again.version_number is null then o.operation = 'purge'
      else o.operation <> 'purge' and o.version_number = again.version_number end`

/** Lets what the copy lacks travel there once more; the relay does the rest. */
export async function sendAgain(
  { database }: RepairDeps,
  { tenantId }: TenantDeps,
  findings: readonly Finding[],
): Promise<void> {
  const again = findings.map(({ subject }) => ({
    content_id: subject['contentId'],
    version_number: subject['versionNumber'] ?? null,
  }))
  await database.transaction(tenantId, (tx) =>
    tx.execute(sendAgainSql, [JSON.stringify(again), tenantId]),
  )
}
