import type { ChangeType } from '../content/content-version.entity.ts'
import type { RecordedVersion } from '../content/document-complaints.ts'
import { checkBodies, checkHistory, type Doubt } from './check-documents.ts'
import { beforeAllIds, eachPage, pageSize } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

interface Version extends RecordedVersion {
  changeType: ChangeType
  /** Its retention is over: its documents may be gone. */
  isExpired: boolean
  /** What its outbox events tell the recovery copy to do. */
  operations: OutboxOperation[]
}

const versionsSql = (which: string) => `
  select v.id, v.content_id as "contentId", v.version_number as "versionNumber",
    v.document_id as "documentId", v.sha256, v.size_bytes as "sizeBytes",
    v.change_type as "changeType", v.expired_at is not null as "isExpired", array(
      select o.operation from backup_outbox o
      where o.tenant_id = v.tenant_id and o.content_id = v.content_id
        and o.version_number = v.version_number and o.operation <> 'purge'
    ) as operations
  from content_versions v where v.tenant_id = $1 and ${which}`

const nextVersionsSql = versionsSql('v.id > $2 order by v.id limit $3')
const theseVersionsSql = versionsSql('v.id = any($2::uuid[])')

/** I1, the half that the documents tell, and I4: each version with its body, history entry and event. */
export async function* checkVersions(deps: TenantDeps): AsyncGenerator<Finding, void> {
  const { reads, tenantId, checked } = deps
  const pages = eachPage<Version>((last) =>
    reads.rows(nextVersionsSql, [tenantId, last?.id ?? beforeAllIds, pageSize]),
  )
  for await (const page of pages) {
    const doubts = await examine(deps, page)
    checked.versions += page.length
    if (doubts.length > 0) yield* confirm(deps, doubts)
  }
  yield* checkEvents(deps)
}

/**
 * Looks again at the versions in doubt. A version is committed after its documents are stored and
 * expires, or is purged, before they go; a queued document leaves the queue after it is stored. So
 * what is missing twice, while in between the version is still there, is missing indeed.
 */
async function* confirm(deps: TenantDeps, doubts: readonly Doubt[]): AsyncGenerator<Finding, void> {
  const { reads, tenantId } = deps
  const ids = [...new Set(doubts.map(({ version }) => version.id))]
  const versions = await reads.rows<Version>(theseVersionsSql, [tenantId, ids])
  const first = new Set(doubts.map(nameOf))
  for (const doubt of await examine(deps, versions)) {
    if (!first.has(nameOf(doubt))) continue
    const { version, ...finding } = doubt
    const { contentId, versionNumber, id } = version
    yield { ...finding, tenantId, subject: { contentId, versionNumber, versionId: id } }
  }
}

function nameOf({ version, message }: Doubt): string {
  return `${version.id} ${message}`
}

async function examine(deps: TenantDeps, versions: readonly Version[]): Promise<Doubt[]> {
  const kept = versions.filter(({ isExpired }) => !isExpired)
  const [bodies, history] = await Promise.all([checkBodies(deps, kept), checkHistory(deps, kept)])
  return [...bodies, ...history, ...versions.flatMap(doubtEvents)]
}

function doubtEvents(version: Version): Doubt[] {
  const { operations, changeType } = version
  const [operation] = operations
  const expected: OutboxOperation = changeType === 'delete' ? 'delete' : 'upsert'
  if (operation === undefined) {
    return [{ invariant: 'I4', version, message: 'has no outbox event', repair: 'outbox' }]
  }
  if (operations.length > 1) {
    const message = `has ${operations.length} outbox events: ${operations.toSorted().join(', ')}`
    return [{ invariant: 'I4', version, message }]
  }
  if (operation === expected) return []
  const message = `is a ${changeType}, and its outbox event says ${operation}`
  return [{ invariant: 'I4', version, message }]
}

type OutboxOperation = 'upsert' | 'delete' | 'purge'

interface OutboxEvent {
  id: string
  contentId: string
  versionNumber: number
  operation: OutboxOperation
  /** There is the version, or the purge, that it tells of. */
  isExplained: boolean
}

const eventsSql = `
  select o.id, o.content_id as "contentId", o.version_number as "versionNumber", o.operation,
    case o.operation when 'purge' then exists (
      select from content_tombstones t
      where t.tenant_id = o.tenant_id and t.content_id = o.content_id
    ) else exists (
      select from content_versions v
      where v.tenant_id = o.tenant_id and v.content_id = o.content_id
        and v.version_number = o.version_number
    ) end as "isExplained"
  from backup_outbox o where o.tenant_id = $1 and o.id > $2 order by o.id limit $3`

async function* checkEvents({ reads, tenantId }: TenantDeps): AsyncGenerator<Finding, void> {
  const pages = eachPage<OutboxEvent>((last) =>
    reads.rows(eventsSql, [tenantId, last?.id ?? beforeAllIds, pageSize]),
  )
  for await (const page of pages) {
    for (const { id, contentId, versionNumber, operation, isExplained } of page) {
      if (isExplained) continue
      const subject = { contentId, versionNumber, eventId: id }
      const message = `is the event of no ${operation === 'purge' ? 'purge' : 'version'}`
      yield { invariant: 'I4', tenantId, subject, message }
    }
  }
}
