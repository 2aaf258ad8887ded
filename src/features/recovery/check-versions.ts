import { checkBodies, checkHistory, type Doubt, type RecordedVersion } from './check-documents.ts'
import { beforeAllIds, eachPage, pageSize } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

interface Version extends RecordedVersion {
  /** Outbox events for it. */
  events: number
}

const versionsSql = (which: string) => `
  select v.id, v.content_id as "contentId", v.version_number as "versionNumber",
    v.document_id as "documentId", v.sha256, v.size_bytes as "sizeBytes", (
      select count(*) from backup_outbox o
      where o.tenant_id = v.tenant_id and o.content_id = v.content_id
        and o.version_number = v.version_number
    ) as events
  from content_versions v where v.tenant_id = $1 and ${which}`

const nextVersionsSql = versionsSql('v.id > $2 order by v.id limit $3')
const theseVersionsSql = versionsSql('v.id = any($2::uuid[])')

/** I1, the half that ZeroDB knows, and I4: each version with its body, history entry and event. */
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
 * goes before they go: what is still missing while the version is still there is missing indeed.
 */
async function* confirm(deps: TenantDeps, doubts: readonly Doubt[]): AsyncGenerator<Finding, void> {
  const { reads, tenantId } = deps
  const ids = [...new Set(doubts.map(({ version }) => version.id))]
  const versions = await reads.rows<Version>(theseVersionsSql, [tenantId, ids])
  for (const { invariant, version, message } of await examine(deps, versions)) {
    const { contentId, versionNumber, id } = version
    yield { invariant, tenantId, subject: { contentId, versionNumber, versionId: id }, message }
  }
}

async function examine(deps: TenantDeps, versions: readonly Version[]): Promise<Doubt[]> {
  const [bodies, history] = await Promise.all([
    checkBodies(deps, versions),
    checkHistory(deps, versions),
  ])
  const events = versions
    .filter((version) => version.events !== 1)
    .map((version): Doubt => {
      const message = `has ${version.events} outbox events`
      return { invariant: 'I4', version, message }
    })
  return [...bodies, ...history, ...events]
}

interface OutboxEvent {
  id: string
  contentId: string
  versionNumber: number
  hasVersion: boolean
}

const eventsSql = `
  select o.id, o.content_id as "contentId", o.version_number as "versionNumber", exists (
      select from content_versions v
      where v.tenant_id = o.tenant_id and v.content_id = o.content_id
        and v.version_number = o.version_number
    ) as "hasVersion"
  from backup_outbox o where o.tenant_id = $1 and o.id > $2 order by o.id limit $3`

async function* checkEvents({ reads, tenantId }: TenantDeps): AsyncGenerator<Finding, void> {
  const pages = eachPage<OutboxEvent>((last) =>
    reads.rows(eventsSql, [tenantId, last?.id ?? beforeAllIds, pageSize]),
  )
  for await (const page of pages) {
    for (const { id, contentId, versionNumber, hasVersion } of page) {
      if (hasVersion) continue
      const subject = { contentId, versionNumber, eventId: id }
      yield { invariant: 'I4', tenantId, subject, message: 'is the event of no version' }
    }
  }
}
