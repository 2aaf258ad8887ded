import { builder } from '../../graphql/builder.ts'
import { EventInterface, type LiveEvent, type Resumable } from '../../graphql/event.ts'
import { type News, type Place, watch } from '../../graphql/watch.ts'
import { NotFoundError } from '../../lib/errors.ts'
import { topics } from '../../platform/events.ts'
import { findQuota, projectionOf, type Quota } from './find-quota.ts'
import type { WarningLevel } from './quota-projection.ts'
import { WarningLevelEnum } from './quota.graphql.ts'
import { QuotaObject } from './tenant-quota.graphql.ts'

interface QuotaEvent extends LiveEvent {
  quota: Quota
  crossed: WarningLevel | null
}

const QuotaEventObject = builder.objectRef<Resumable<QuotaEvent>>('QuotaEvent').implement({
  interfaces: [EventInterface],
  fields: (t) => ({
    quota: t.expose('quota', { type: QuotaObject }),
    crossed: t.expose('crossed', {
      type: WarningLevelEnum,
      nullable: true,
      description: 'The warning level, if it is not that of the event before.',
    }),
  }),
})

/** What changed since `place`; its note is the level that the viewer knows. */
function newsOf(quota: Quota, place: Place | null): News<QuotaEvent> {
  const { sequence, updatedAt: at } = quota
  if (place && sequence <= place.sequence) return { events: [] }
  const { warningLevel } = projectionOf(quota)
  const crossed = place && warningLevel !== place.note ? warningLevel : null
  return { events: [{ sequence, at, quota, crossed, note: warningLevel }] }
}

builder.subscriptionField('quotaChanged', (t) =>
  t.field({
    type: QuotaEventObject,
    description: 'Where the tenant stands with its plan: now, and whenever its usage has changed.',
    authScopes: { scope: 'QUOTA_READ' },
    args: { after: t.arg.string() },
    subscribe: (_root, { after }, context) => {
      const { tenantId, events, database } = context
      const name = 'quotaChanged'
      const find = () => findQuota(database.reads.forTenant(tenantId))
      const read = async (place: Place | null) => {
        const quota = await events.share(`${name}:${tenantId}`, find)
        if (!quota) throw new NotFoundError('Tenant')
        return newsOf(quota, place)
      }
      return watch(context, { name, topics: [topics.quota(tenantId)], read }, after)
    },
    resolve: (event) => event,
  }),
)
