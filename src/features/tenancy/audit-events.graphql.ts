import { builder } from '../../graphql/builder.ts'
import { connectionOf } from '../../graphql/connection.ts'
import { decodeGlobalId, encodeGlobalId, idOf, nodeIdIn } from '../../graphql/global-id.ts'
import { forwardPages } from '../../graphql/list-size.ts'
import { readPageArguments } from '../../graphql/page-arguments.ts'
import type { AuditEvent } from './audit-event.entity.ts'
import { auditCursorOf, listAuditEvents } from './list-audit-events.ts'
import { UserNode } from './tenancy.graphql.ts'
import { loadAuditEvents } from './tenancy.loaders.ts'

export const AuditEventNode = builder.loadableNodeRef('AuditEvent', {
  id: { resolve: (event: AuditEvent) => event.id },
  load: (ids: string[], context) => loadAuditEvents(context, ids),
})

AuditEventNode.implement({
  description: 'Who did what, when, and from where. Never altered, never removed.',
  // On the type, because `node` reaches it too.
  authScopes: { scope: 'OPS_READ' },
  fields: (t) => ({
    at: t.expose('createdAt', { type: 'DateTime' }),
    actor: t.field({
      type: UserNode,
      nullable: true,
      description: "Null for a key, for the gateway's own work, and for people who are gone.",
      resolve: ({ actorUserId }) => actorUserId,
    }),
    action: t.exposeString('action', {
      description: 'The mutation, or what the gateway did by itself.',
    }),
    subjectId: t.id({
      description: 'What it was done to; `node` finds it while it is there.',
      resolve: ({ subjectType, subjectId }) => encodeGlobalId(subjectType, subjectId),
    }),
    before: t.expose('before', {
      type: 'JSON',
      nullable: true,
      description: 'The fields that changed, as they were.',
    }),
    after: t.expose('after', {
      type: 'JSON',
      nullable: true,
      description: 'The same fields, as they became.',
    }),
    requestId: t.exposeString('requestId', {
      description: 'As in the `x-request-id` of the answer, or `task:` and a name.',
    }),
    ip: t.exposeString('ip', { nullable: true }),
  }),
})

const AuditEventConnection = connectionOf<AuditEvent>('AuditEvent', AuditEventNode)

builder.queryField('auditEvents', (t) =>
  t.field({
    type: AuditEventConnection,
    directives: forwardPages(50),
    description: 'Newest first; 1 to 100 a page, 50 unless `first` says otherwise.',
    authScopes: { scope: 'OPS_READ' },
    args: { subjectId: t.arg.id(), actorId: t.arg.id(), first: t.arg.int(), after: t.arg.string() },
    resolve: async (_root, { subjectId, actorId, ...page }, context, { schema }) => {
      const request = readPageArguments(page, 50)
      const { limit, cursor } = request
      const found = await listAuditEvents(context, {
        limit,
        cursor,
        // Whether such a node is still there does not matter.
        subject: subjectId == null ? undefined : nodeIdIn(schema, decodeGlobalId(subjectId)),
        actorId: actorId == null ? undefined : idOf('User', actorId),
      })
      const nodes = found.slice(0, limit)
      return { request, nodes, hasMore: found.length > limit, cursorOf: auditCursorOf }
    },
  }),
)
