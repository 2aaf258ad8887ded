import { newId } from '../../lib/id.ts'
import type { Finding, RepairDeps, TenantDeps } from './finding.ts'

/**
 * Locks the versions, so that a purge either takes them first and nothing is inserted, or comes after
 * and takes the events with them.
 */
const ofVersionsSql = `
  insert into backup_outbox (tenant_id, id, content_id, version_number, operation, size_bytes)
  select v.tenant_id, missing.event_id, v.content_id, v.version_number,
    case v.change_type when 'delete' then 'delete' else 'upsert' end, v.size_bytes
  from jsonb_to_recordset(?::jsonb) missing (subject_id uuid, event_id uuid)
    join content_versions v on v.tenant_id = ? and v.id = missing.subject_id
  where not exists (
    select from backup_outbox o
    where o.tenant_id = v.tenant_id and o.content_id = v.content_id
      and o.version_number = v.version_number
  )
  order by v.content_id, v.version_number for key share of v
  on conflict do nothing`

const ofPurgesSql = `
  insert into backup_outbox (tenant_id, id, content_id, version_number, operation)
  select t.tenant_id, missing.event_id, t.content_id, t.last_version, 'purge'
  from jsonb_to_recordset(?::jsonb) missing (subject_id uuid, event_id uuid)
    join content_tombstones t on t.tenant_id = ? and t.content_id = missing.subject_id
  where not exists (
    select from backup_outbox o
    where o.tenant_id = t.tenant_id and o.content_id = t.content_id and o.operation = 'purge'
  )
  on conflict do nothing`

/** Writes the outbox events that versions and purges lack. */
export async function insertMissingEvents(
  { database }: RepairDeps,
  { tenantId }: TenantDeps,
  findings: readonly Finding[],
): Promise<void> {
  const subjects = findings.map(({ subject }) => subject)
  const versions = subjects.flatMap(({ versionId }) => versionId ?? [])
  const purges = subjects.flatMap(({ versionId, contentId }) =>
    versionId ? [] : (contentId ?? []),
  )
  const missing = (ids: readonly unknown[]) =>
    JSON.stringify(ids.map((id) => ({ subject_id: id, event_id: newId() })))
  await database.transaction(tenantId, async (tx) => {
    await tx.execute(ofVersionsSql, [missing(versions), tenantId])
    await tx.execute(ofPurgesSql, [missing(purges), tenantId])
  })
}
