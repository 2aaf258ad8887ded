import { keyHours } from '../writing/claim-keys.ts'
import type { WriteIntentState } from '../writing/write-intent.entity.ts'
import { eachPage, pageSize } from './each-page.ts'
import type { Finding, Invariant, TenantDeps } from './finding.ts'

interface Key {
  operation: string
  key: string
  contentId: string
  contentExists: boolean
  isPurged: boolean
  /** The version its write made; null for a key from before this was noted. */
  versionNumber: number | null
  hasVersion: boolean
  completed: boolean
  /** Its call found nothing to change, so there is no write. */
  wasIdle: boolean
  /** Old enough for the sweeper to have taken its intent. */
  expired: boolean
  intentState: WriteIntentState | null
}

const keysSql = `
  select k.operation, k.key, k.content_id as "contentId", c.id is not null as "contentExists",
    exists (
      select from content_tombstones t
      where t.tenant_id = k.tenant_id and t.content_id = k.content_id
    ) as "isPurged", k.version_number as "versionNumber", exists (
      select from content_versions v where v.tenant_id = k.tenant_id
        and v.content_id = k.content_id and v.version_number >= k.version_number
    ) as "hasVersion", k.completed_at is not null as completed, k.intent_id is null as "wasIdle", i.state as "intentState",
    k.created_at < now() - make_interval(hours => $5) as expired
  from idempotency_keys k
    left join content_items c on c.tenant_id = k.tenant_id and c.id = k.content_id
    left join content_write_intents i on i.tenant_id = k.tenant_id and i.id = k.intent_id
  where k.tenant_id = $1 and k.content_id is not null and (k.operation, k.key) > ($2, $3)
  order by k.operation, k.key limit $4`

const sharedRefsSql = `
  select external_system as system, external_id as id, array_agg(id::text order by id) as "contentIds"
  from content_items
  where tenant_id = $1 and deleted_at is null and external_id is not null
  group by external_system, external_id having count(*) > 1`

/**
 * I3: a repeat under the same key, or of the same external reference, changes nothing; and I6: what a
 * key answers with is there. Of the keys of writes: those of jobs name no content.
 */
export async function* checkKeys({ reads, tenantId }: TenantDeps): AsyncGenerator<Finding, void> {
  const pages = eachPage<Key>((last) =>
    reads.rows(keysSql, [tenantId, last?.operation ?? '', last?.key ?? '', pageSize, keyHours]),
  )
  for await (const page of pages) {
    for (const key of page) {
      const complaint = complaintAbout(key)
      if (!complaint) continue
      const { operation, contentId } = key
      yield { ...complaint, tenantId, subject: { operation, key: key.key, contentId } }
    }
  }
  const shared = await reads.rows<{ system: string; id: string; contentIds: string[] }>(
    sharedRefsSql,
    [tenantId],
  )
  for (const { system, id, contentIds } of shared) {
    const message = `${contentIds.length} live contents share this reference: ${contentIds.join(', ')}`
    yield { invariant: 'I3', tenantId, subject: { system, id }, message }
  }
}

function complaintAbout(key: Key): { invariant: Invariant; message: string } | undefined {
  const { completed, contentExists, isPurged, versionNumber, hasVersion } = key
  const { expired, intentState, wasIdle } = key
  const broken = (message: string) => ({ invariant: 'I3' as const, message })
  if (!completed) {
    return intentState === 'committed'
      ? broken('its write was committed and the key does not know: a repeat would write again')
      : undefined
  }
  if (isPurged) return undefined
  if (!contentExists) return broken('answers with a content that does not exist')
  if (versionNumber !== null && !hasVersion) {
    return { invariant: 'I6', message: `answers with version ${versionNumber}, which is not there` }
  }
  if (wasIdle || intentState === 'committed' || (intentState === null && expired)) return undefined
  return broken(`is completed, but its write is ${intentState ?? 'unknown'}`)
}
