import { keyHours } from '../content/claim-keys.ts'
import type { WriteIntentState } from '../content/write-intent.entity.ts'
import { eachPage, pageSize } from './each-page.ts'
import type { Finding, TenantDeps } from './finding.ts'

interface Key {
  operation: string
  key: string
  contentId: string
  contentExists: boolean
  completed: boolean
  /** Old enough for the sweeper to have taken its intent. */
  expired: boolean
  intentState: WriteIntentState | null
}

const keysSql = `
  select k.operation, k.key, k.content_id as "contentId", c.id is not null as "contentExists",
    k.completed_at is not null as completed, i.state as "intentState",
    k.created_at < now() - make_interval(hours => $5) as expired
  from idempotency_keys k
    left join content_items c on c.tenant_id = k.tenant_id and c.id = k.content_id
    left join content_write_intents i on i.tenant_id = k.tenant_id and i.id = k.intent_id
  where k.tenant_id = $1 and (k.operation, k.key) > ($2, $3)
  order by k.operation, k.key limit $4`

const sharedRefsSql = `
  select external_system as system, external_id as id, array_agg(id::text order by id) as "contentIds"
  from content_items
  where tenant_id = $1 and deleted_at is null and external_id is not null
  group by external_system, external_id having count(*) > 1`

/** I3: a repeat under the same key, or of the same external reference, changes nothing. */
export async function* checkKeys({ reads, tenantId }: TenantDeps): AsyncGenerator<Finding, void> {
  const pages = eachPage<Key>((last) =>
    reads.rows(keysSql, [tenantId, last?.operation ?? '', last?.key ?? '', pageSize, keyHours]),
  )
  for await (const page of pages) {
    for (const key of page) {
      const message = complaintAbout(key)
      if (!message) continue
      const { operation, contentId } = key
      yield { invariant: 'I3', tenantId, subject: { operation, key: key.key, contentId }, message }
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

function complaintAbout(key: Key): string | undefined {
  const { completed, contentExists, expired, intentState } = key
  if (!completed) {
    return intentState === 'committed'
      ? 'its write was committed and the key does not know: a repeat would write again'
      : undefined
  }
  if (!contentExists) return 'answers with a content that does not exist'
  if (intentState === 'committed' || (intentState === null && expired)) return undefined
  return `is completed, but its write is ${intentState ?? 'unknown'}`
}
