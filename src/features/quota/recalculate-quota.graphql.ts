import { builder } from '../../graphql/builder.ts'
import { idOf } from '../../graphql/global-id.ts'
import { StorageUnavailableError, UpstreamError, ValidationError } from '../../lib/errors.ts'
import { OpsResult, type OpsSuccess, OpsSuccessObject } from '../tenancy/ops-result.graphql.ts'
import { recalculateUsage, type UsageRecalculation } from './recalculate-usage.ts'
import { StorageUsageObject } from './tenant-quota.graphql.ts'

const QuotaRecalculationObject = builder
  .objectRef<UsageRecalculation>('QuotaRecalculation')
  .implement({
    description: 'Usage as it was counted, and as it is; counters that were wrong are right now.',
    fields: (t) => ({
      before: t.expose('before', { type: StorageUsageObject }),
      after: t.expose('after', { type: StorageUsageObject }),
      driftBytes: t.field({
        type: 'BigInt',
        description: 'How much too high totalStorageBytes was.',
        resolve: ({ before, after }) => before.totalStorageBytes - after.totalStorageBytes,
      }),
      driftItems: t.int({
        description: 'How much too high totalContentItems was.',
        resolve: ({ before, after }) => before.totalContentItems - after.totalContentItems,
      }),
    }),
  })

interface Recalculated extends OpsSuccess {
  recalculation: UsageRecalculation
}

builder.objectField(OpsSuccessObject, 'recalculation', (t) =>
  t.field({
    type: QuotaRecalculationObject,
    nullable: true,
    resolve: (done) => (done as Partial<Recalculated>).recalculation,
  }),
)

builder.mutationField('recalculateQuota', (t) =>
  t.field({
    type: OpsResult,
    description: 'Compares the counters of usage with what is stored, and repairs them.',
    authScopes: { scope: 'OPS_WRITE' },
    args: { tenantId: t.arg.id({ description: 'Your own if left out; no other can be named.' }) },
    resolve: async (_root, args, { database, viewer: { userId }, origin, tenantId }) => {
      if (args.tenantId != null && idOf('Tenant', args.tenantId) !== tenantId) throw noSuchTenant()
      const deps = { database, userId, origin }
      const recalculation = await recalculateUsage(deps, tenantId).catch(asUnavailable)
      const { drift } = recalculation
      const message = drift ? `Repaired: ${drift}.` : 'Usage was right; nothing was changed.'
      return { message, recalculation } satisfies Recalculated
    },
  }),
)

function noSuchTenant(): ValidationError {
  const message = 'There is no such tenant'
  return new ValidationError([{ path: ['tenantId'], code: 'NOT_FOUND', message }])
}

function asUnavailable(error: unknown): never {
  if (!(error instanceof UpstreamError)) throw error
  throw new StorageUnavailableError(error, error.mayHaveApplied ? 'unknown' : 'unchanged')
}
