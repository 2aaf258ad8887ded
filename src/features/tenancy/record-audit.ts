import type { EntityManager } from '@mikro-orm/postgresql'
import { newId } from '../../lib/id.ts'
import type { Origin } from '../../lib/viewer.ts'

/** One change to one thing. */
export interface AuditRecord {
  /** The mutation, e.g. `updateContent`, or what the gateway did by itself. */
  action: string
  /** A node type of the schema and the database id of one such node. */
  subject: { type: string; id: string }
  /** The fields that changed, as they were and as they became; never a body, never a secret. */
  before: object | null
  after: object | null
}

/**
 * Records `events` in the transaction of the change itself, so that neither can be without the other.
 * Only inserts, so it takes no part in the order of locks.
 */
export async function recordAudit(
  tx: EntityManager,
  by: { tenantId: string; userId: string | null; origin: Origin },
  events: readonly AuditRecord[],
): Promise<void> {
  if (events.length === 0) return
  const { tenantId, userId, origin } = by
  const rows = events.map(({ action, subject, before, after }) => ({
    id: newId(),
    action,
    subject_type: subject.type,
    subject_id: subject.id,
    before,
    after,
  }))
  await tx.execute(
    `insert into audit_events (tenant_id, id, actor_user_id, actor_api_key_id, action, subject_type,
       subject_id, before, after, request_id, ip)
     select ?, id, ?, ?, action, subject_type, subject_id, before, after, ?, ?
     from jsonb_populate_recordset(null::audit_events, ?::jsonb)`,
    [tenantId, userId, origin.apiKeyId, origin.requestId, origin.ip, JSON.stringify(rows)],
  )
}
