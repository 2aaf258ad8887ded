import { builder } from '../../graphql/builder.ts'
import { idOf } from '../../graphql/global-id.ts'
import { listOf } from '../../graphql/list-size.ts'
import { OpsResult, type OpsSuccess, OpsSuccessObject } from '../tenancy/ops-result.graphql.ts'
import { TenantNode, UserNode } from '../tenancy/tenancy.graphql.ts'
import { acknowledgeAlert } from './acknowledge-alert.ts'
import { alertKinds, type KnownAlert, listAlerts, loadAlerts } from './alerts.loaders.ts'

const AlertKindEnum = builder.enumType('AlertKind', {
  description:
    'STORAGE_USAGE: 85 % of the limit are used. USAGE_DRIFT: usage was counted wrongly. SYNC_LAG, SYNC_FAILED: the recovery copy is behind, or misses changes. QUOTA_REJECTIONS: more than ten writes of one day were refused. ZERODB_LATENCY, ZERODB_ERRORS: of the last five minutes, for every tenant.',
  values: alertKinds,
})

const AlertNode = builder.loadableNodeRef('Alert', {
  id: { resolve: (alert: KnownAlert) => alert.id },
  load: (ids: string[], context) => loadAlerts(context, ids),
})

AlertNode.implement({
  description: 'Something a person should look at, from when it began until it is over.',
  // On the type, because `node` reaches it too.
  authScopes: { scope: 'OPS_READ' },
  fields: (t) => ({
    kind: t.expose('kind', { type: AlertKindEnum }),
    tenant: t.field({
      type: TenantNode,
      nullable: true,
      description: 'Null for what concerns every tenant: the stores.',
      resolve: ({ tenantId }) => tenantId,
    }),
    threshold: t.exposeString('threshold', { description: 'What was passed; for people.' }),
    value: t.exposeString('value', { description: 'Where things stood when last looked at.' }),
    firingSince: t.expose('firingSince', { type: 'DateTime' }),
    resolvedAt: t.expose('resolvedAt', { type: 'DateTime', nullable: true }),
    acknowledgedBy: t.field({
      type: UserNode,
      nullable: true,
      description: 'Of your tenant; each acknowledges for itself.',
      resolve: ({ acknowledgedByUserId }) => acknowledgedByUserId,
    }),
    acknowledgedAt: t.expose('acknowledgedAt', { type: 'DateTime', nullable: true }),
  }),
})

builder.queryField('alerts', (t) =>
  t.field({
    type: [AlertNode],
    directives: listOf(10),
    description: 'Those that fire, or with `firing: false` the last hundred that are over.',
    authScopes: { scope: 'OPS_READ' },
    args: { firing: t.arg.boolean({ required: true, defaultValue: true }) },
    resolve: (_root, { firing }, { reads }) => listAlerts(reads, firing),
  }),
)

interface Acknowledged extends OpsSuccess {
  alert: string
}

builder.objectField(OpsSuccessObject, 'alert', (t) =>
  t.field({
    type: AlertNode,
    nullable: true,
    resolve: (done) => (done as Partial<Acknowledged>).alert,
  }),
)

builder.mutationField('acknowledgeAlert', (t) =>
  t.field({
    type: OpsResult,
    description: 'Says that somebody has seen it. It goes on firing until it is over.',
    authScopes: { scope: 'OPS_WRITE' },
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id }, context) => {
      const alert = idOf('Alert', id)
      const message = (await acknowledgeAlert(context, alert))
        ? 'Acknowledged.'
        : 'It was acknowledged already; nothing was changed.'
      return { message, alert } satisfies Acknowledged
    },
  }),
)
