import type { RelayDeps } from './batch.ts'
import type { Member } from './cargo.ts'
import type { CopiedPurge, CopiedVersion } from './snapshot-row.ts'

/** A version that an event tells of. */
export interface EventVersion extends CopiedVersion {
  /** Its documents may be gone. */
  isExpired: boolean
}

const versionsSql = `
  select o.id as "eventId", v.id as "versionId", v.content_id as "contentId",
    v.version_number as "versionNumber", v.change_type = 'delete' as "isDeletion",
    v.document_id as "documentId", v.sha256, v.size_bytes as "sizeBytes",
    v.created_at as "createdAt", c.user_id as "userId", c.version_of as "versionOf",
    c.created_at as "contentCreatedAt", v.expired_at is not null as "isExpired"
  from backup_outbox o
    join content_versions v on v.tenant_id = o.tenant_id and v.content_id = o.content_id
      and v.version_number = o.version_number
    join content_items c on c.tenant_id = v.tenant_id and c.id = v.content_id
  where o.tenant_id = $1 and o.id = any($2::uuid[]) and o.operation <> 'purge'`

const purgesSql = `
  select o.id as "eventId", o.content_id as "contentId", t.last_version as "lastVersion",
    t.created_at as "purgedAt"
  from backup_outbox o
    join content_tombstones t on t.tenant_id = o.tenant_id and t.content_id = o.content_id
  where o.tenant_id = $1 and o.id = any($2::uuid[]) and o.operation = 'purge'`

/** What the events of one tenant tell of, by their ids; of what was purged meanwhile, nothing. */
export async function describeEvents(
  { database, signal }: RelayDeps,
  tenantId: string,
  group: readonly Member[],
) {
  const reads = database.reads.forTenant(tenantId, undefined, signal)
  const values = [tenantId, group.map(({ eventId }) => eventId)]
  const [versions, purges] = await Promise.all([
    reads.rows<Omit<EventVersion, 'tenantId'> & { eventId: string }>(versionsSql, values),
    reads.rows<Omit<CopiedPurge, 'tenantId'>>(purgesSql, values),
  ])
  return {
    versions: new Map(versions.map((version) => [version.eventId, { ...version, tenantId }])),
    purges: new Map(purges.map((purge) => [purge.eventId, { ...purge, tenantId }])),
  }
}
