import { decodeCursor, encodeCursor, InvalidCursorError } from '../../lib/cursor.ts'
import { isUuid } from '../../lib/id.ts'
import { selectList } from '../../platform/postgres/select-list.ts'
import { SqlParams } from '../../platform/postgres/sql-params.ts'
import { type AuditEvent, AuditEventSchema } from './audit-event.entity.ts'
import type { TenancyDeps } from './tenancy.loaders.ts'

export interface AuditPageRequest {
  limit: number
  /** Only what is older than the event at this place. */
  cursor: string | undefined
  subject: { typename: string; id: string } | undefined
  actorId: string | undefined
}

const order = 'audit'

/** The place of an event in the list is its id, which begins with its time. */
export function auditCursorOf({ id }: AuditEvent): string {
  return encodeCursor(order, [id])
}

function eventIdAt(cursor: string): string {
  const [id] = decodeCursor(cursor, order, 1)
  if (id == null || !isUuid(id)) throw new InvalidCursorError()
  return id
}

const columns = selectList(AuditEventSchema, 'a')

/** Newest first; one event more than asked for, if there is one, to tell that more follow. */
export function listAuditEvents(
  { reads, tenantId }: Pick<TenancyDeps, 'reads' | 'tenantId'>,
  { limit, cursor, subject, actorId }: AuditPageRequest,
): Promise<AuditEvent[]> {
  const params = new SqlParams()
  // Only the conditions that are asked for: each combination then has an index to walk.
  const conditions = [`a.tenant_id = ${params.add(tenantId)}`]
  if (subject) {
    conditions.push(`a.subject_id = ${params.add(subject.id)}`)
    conditions.push(`a.subject_type = ${params.add(subject.typename)}`)
  }
  if (actorId !== undefined) conditions.push(`a.actor_user_id = ${params.add(actorId)}`)
  if (cursor !== undefined) conditions.push(`a.id < ${params.add(eventIdAt(cursor))}`)
  return reads.rows<AuditEvent>(
    `select ${columns} from audit_events a where ${conditions.join(' and ')}
     order by a.id desc limit ${params.add(limit + 1)}`,
    params.values,
  )
}
