import { defineEntity, p } from '@mikro-orm/postgresql'

export const AuditEventSchema = defineEntity({
  name: 'AuditEvent',
  tableName: 'audit_events',
  properties: {
    tenantId: p.uuid().primary(),
    id: p.uuid().primary(),
    /** Null for a key, and for the gateway's own work. */
    actorUserId: p.uuid().nullable(),
    /** The partner's key that asked. */
    actorApiKeyId: p.uuid().nullable(),
    action: p.text(),
    /** The node type of the subject, as in its global id. */
    subjectType: p.text(),
    subjectId: p.uuid(),
    /** What changed, as it was; null for what came into being. */
    before: p.json<object>().nullable(),
    /** The same as it became; null for what is gone. */
    after: p.json<object>().nullable(),
    requestId: p.text(),
    ip: p.text().nullable(),
    createdAt: p.datetime(3),
  },
})

/** Who did what, when, and from where. Written with the change itself, and never altered. */
export class AuditEvent extends AuditEventSchema.class {}
AuditEventSchema.setClass(AuditEvent)
