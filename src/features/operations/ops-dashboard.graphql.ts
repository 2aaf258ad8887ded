import { badUserInput } from '../../graphql/bad-user-input.ts'
import { builder } from '../../graphql/builder.ts'
import { DateRangeInput, readDateRange } from '../../graphql/date-range.ts'
import { listOf } from '../../graphql/list-size.ts'
import { BackupStatusObject } from '../backup/backup.graphql.ts'
import { PlanTierEnum, TenantNode } from '../tenancy/tenancy.graphql.ts'
import { checkStores } from './check-stores.ts'
import {
  countCreations,
  countRejections,
  findBackup,
  type LatencyPoint,
  listLatencies,
  listUsage,
  type TenantUsage,
  type TierRate,
  type TimePoint,
} from './ops-dashboard.ts'
import { StoreHealthObject } from './store-health.graphql.ts'
import { keptDays } from './watch-stores.ts'

const TenantUsageRowObject = builder.objectRef<TenantUsage>('TenantUsageRow').implement({
  fields: (t) => ({
    tenant: t.field({ type: TenantNode, resolve: (_usage, _args, { tenantId }) => tenantId }),
    bytes: t.expose('bytes', { type: 'BigInt', description: 'What counts against the limit.' }),
    percent: t.exposeFloat('percent', {
      nullable: true,
      description: 'Of the limit, to one decimal; null = unlimited.',
    }),
  }),
})

const TimePointObject = builder.objectRef<TimePoint>('TimePoint').implement({
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime' }),
    value: t.exposeFloat('value'),
  }),
})

const LatencyPointObject = builder.objectRef<LatencyPoint>('LatencyPoint').implement({
  description: 'From `at` until the next point; of several instances and minutes, the worst.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime' }),
    p50Ms: t.exposeFloat('p50Ms'),
    p95Ms: t.exposeFloat('p95Ms'),
    p99Ms: t.exposeFloat('p99Ms'),
    requests: t.exposeInt('requests', { description: 'Of all instances, for all tenants.' }),
    failures: t.exposeInt('failures'),
  }),
})

const TierRateObject = builder.objectRef<TierRate>('TierRate').implement({
  fields: (t) => ({
    planTier: t.expose('planTier', { type: PlanTierEnum }),
    rejections: t.exposeInt('rejections', {
      description: 'Writes and jobs that the storage limit refused.',
    }),
    attempts: t.exposeInt('attempts', { description: 'These and the writes that took room.' }),
    rate: t.float({
      description: '0 to 1.',
      resolve: ({ rejections, attempts }) => (attempts === 0 ? 0 : rejections / attempts),
    }),
  }),
})

const maxDays = 90

const OpsDashboardObject = builder.objectRef<object>('OpsDashboard').implement({
  description:
    'How your tenant stands, and the stores that all share. Figures of all tenants together are at /metrics, for whoever runs the gateway.',
  fields: (t) => ({
    storageByTenant: t.field({
      type: [TenantUsageRowObject],
      directives: listOf(1),
      description: 'Your own tenant: nobody sees another one here.',
      args: { first: t.arg.int({ required: true, defaultValue: 10 }) },
      resolve: (_root, { first }, { reads }) => {
        if (first < 1 || first > 100) throw badUserInput('`first` must be from 1 to 100.')
        return listUsage(reads)
      },
    }),
    contentCreationRate: t.field({
      type: [TimePointObject],
      directives: listOf(7, 'days'),
      description: 'Contents created on each day in UTC, also those that are deleted by now.',
      args: { days: t.arg.int({ required: true, defaultValue: 7 }) },
      resolve: (_root, { days }, { reads }) => {
        if (days < 1 || days > maxDays) throw badUserInput(`\`days\` must be from 1 to ${maxDays}.`)
        return countCreations(reads, days)
      },
    }),
    zerodbLatency: t.field({
      type: [LatencyPointObject],
      directives: listOf(300),
      description: `Minutes of the last ${keptDays} days, in at most 300 points; none where nothing was asked.`,
      args: { range: t.arg({ type: DateRangeInput, required: true }) },
      resolve: (_root, { range }, { reads }) =>
        listLatencies(reads, readDateRange(range, keptDays)),
    }),
    stores: t.field({
      type: [StoreHealthObject],
      directives: listOf(5),
      resolve: (_root, _args, context) => checkStores(context),
    }),
    backup: t.field({
      type: BackupStatusObject,
      resolve: (_root, _args, context) => findBackup(context),
    }),
    quotaRejectionRate: t.field({
      type: [TierRateObject],
      directives: listOf(5),
      description: 'Of today and the six days before in UTC, by the plan that refused.',
      resolve: (_root, _args, { reads }) => countRejections(reads),
    }),
  }),
})

builder.queryField('opsDashboard', (t) =>
  t.field({
    type: OpsDashboardObject,
    authScopes: { scope: 'OPS_READ' },
    resolve: () => ({}),
  }),
)
