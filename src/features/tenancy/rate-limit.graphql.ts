import { builder } from '../../graphql/builder.ts'
import type { Charge } from '../../graphql/charge.ts'
import { ViewerObject } from './tenancy.graphql.ts'

const RateLimitObject = builder.objectRef<Charge>('RateLimit').implement({
  description:
    'What you may spend, in points; of your tenant or of your key, whichever has less left.',
  fields: (t) => ({
    limit: t.int({ description: 'At once.', resolve: (charge) => charge.report().limit }),
    cost: t.int({
      description: 'Of this operation, before short lists are given back.',
      resolve: (charge) => charge.report().requested,
    }),
    remaining: t.int({ resolve: (charge) => charge.report().remaining }),
    restorePerSecond: t.float({ resolve: (charge) => charge.report().restorePerSecond }),
    resetAt: t.field({
      type: 'DateTime',
      description: 'When all of it has come back, if nothing else is asked.',
      resolve: (charge) => {
        const { limit, remaining, restorePerSecond } = charge.report()
        return new Date(Date.now() + ((limit - remaining) / restorePerSecond) * 1_000)
      },
    }),
    nodeCount: t.int({
      description: 'Items that the lists of this operation may have.',
      resolve: ({ nodes }) => nodes,
    }),
  }),
})

builder.objectField(ViewerObject, 'rateLimit', (t) =>
  t.field({ type: RateLimitObject, resolve: (_viewer, _args, { charge }) => charge }),
)
