import { bytesPerGb } from '../../lib/bytes.ts'
import { builder } from '../../graphql/builder.ts'
import { DateRangeInput, readDateRange } from '../../graphql/date-range.ts'
import { listOf } from '../../graphql/list-size.ts'
import { maxPageSize } from '../../graphql/page-arguments.ts'
import { PlanTierEnum, TenantNode } from '../tenancy/tenancy.graphql.ts'
import {
  availableGb,
  findQuota,
  projectionOf,
  type Quota,
  type StorageUsage,
} from './find-quota.ts'
import { listUsageHistory, type UsagePoint } from './list-usage-history.ts'
import { plans, upgradeUrl } from './plan-tiers.ts'
import { projectFullAt } from './project-full-at.ts'
import { WarningLevelEnum } from './quota.graphql.ts'

export const StorageUsageObject = builder.objectRef<StorageUsage>('StorageUsage').implement({
  description: 'What the tenant has stored; GB are GiB, 1024³ bytes.',
  fields: (t) => ({
    totalContentItems: t.exposeInt('totalContentItems'),
    totalStorageBytes: t.expose('totalStorageBytes', {
      type: 'BigInt',
      description: 'Of the bodies of live contents.',
    }),
    totalStorageGb: t.float({ resolve: (usage) => usage.totalStorageBytes / bytesPerGb }),
    totalMediaFiles: t.exposeInt('totalMediaFiles'),
    totalMediaStorageBytes: t.expose('totalMediaStorageBytes', { type: 'BigInt' }),
    versionStorageBytes: t.field({
      type: 'BigInt',
      description: 'Of earlier versions and the trash, which the limit does not count.',
      resolve: ({ storedBodyBytes, totalStorageBytes }) =>
        Math.max(0, storedBodyBytes - totalStorageBytes),
    }),
    reservedBytes: t.expose('reservedBytes', {
      type: 'BigInt',
      description: 'Held for writes under way; the limit counts them.',
    }),
  }),
})

const QuotaLimitsObject = builder.objectRef<Quota>('QuotaLimits').implement({
  description: 'What the plan allows, and what is left of it; a limit that is null is none.',
  fields: (t) => ({
    storageLimitGb: t.float({
      nullable: true,
      resolve: ({ planTier }) => plans[planTier].storageLimitGb,
    }),
    availableGb: t.float({ nullable: true, resolve: availableGb }),
    usagePercent: t.float({
      nullable: true,
      description: 'Of bodies, media and reservations, to one decimal.',
      resolve: (quota) => projectionOf(quota).usagePercent,
    }),
    retentionDays: t.int({
      nullable: true,
      description: 'How long a deleted content can be restored.',
      resolve: ({ planTier }) => plans[planTier].retentionDays,
    }),
    versionRetentionDays: t.int({
      nullable: true,
      description: 'How long a version is kept after it has stopped being the current one.',
      resolve: ({ planTier }) => plans[planTier].retentionDays,
    }),
    monthlyGenerationLimit: t.int({
      nullable: true,
      directives: { tag: { name: 'studio' } },
      resolve: ({ planTier }) => plans[planTier].monthlyGenerationLimit,
    }),
    generatedThisMonth: t.exposeInt('generatedThisMonth', {
      directives: { tag: { name: 'studio' } },
      description: 'Items since the first of the month, in UTC.',
    }),
    concurrentJobsLimit: t.int({
      directives: { tag: { name: 'studio' } },
      resolve: ({ planTier }) => plans[planTier].concurrentJobsLimit,
    }),
    maxPageSize: t.int({ resolve: () => maxPageSize }),
  }),
})

const UsagePointObject = builder.objectRef<UsagePoint>('UsagePoint').implement({
  description: 'Live contents at the end of one day, in UTC.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: "The day's first instant." }),
    bytes: t.expose('bytes', { type: 'BigInt' }),
    items: t.exposeInt('items'),
  }),
})

/** A year and a month: enough to compare with last year. */
const maxHistoryDays = 400

export const QuotaObject = builder.objectRef<Quota>('Quota').implement({
  description: 'Where the tenant stands with its plan.',
  fields: (t) => ({
    planTier: t.expose('planTier', { type: PlanTierEnum }),
    usage: t.expose('usage', { type: StorageUsageObject }),
    limits: t.field({ type: QuotaLimitsObject, resolve: (quota) => quota }),
    warningLevel: t.field({
      type: WarningLevelEnum,
      resolve: (quota) => projectionOf(quota).warningLevel,
    }),
    lastCalculatedAt: t.expose('lastCalculatedAt', {
      type: 'DateTime',
      description: 'When usage changed last; it is exact at every moment.',
    }),
    history: t.field({
      type: [UsagePointObject],
      directives: { cost: { weight: '10' }, ...listOf(30) },
      description: `A point for each day in UTC that the range touches, up to today; ${maxHistoryDays} days at most.`,
      args: { range: t.arg({ type: DateRangeInput, required: true }) },
      resolve: (_quota, { range }, { reads }) =>
        listUsageHistory(reads, readDateRange(range, maxHistoryDays)),
    }),
    projectedFullAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'If usage goes on growing as in the last 30 days; null when it does not grow.',
      resolve: (quota, _args, { reads }) => projectFullAt(reads, quota),
    }),
    upgradeUrl: t.string({
      nullable: true,
      description: 'Where to get a larger plan, relative to the Studio; null when there is none.',
      resolve: ({ planTier }) => (plans[planTier].storageLimitGb === null ? null : upgradeUrl),
    }),
  }),
})

builder.queryField('quota', (t) =>
  t.field({
    type: QuotaObject,
    nullable: true,
    directives: { semanticNonNull: {} },
    authScopes: { scope: 'QUOTA_READ' },
    resolve: (_root, _args, { reads }) => findQuota(reads),
  }),
)

builder.objectField(TenantNode, 'quota', (t) =>
  t.field({
    type: QuotaObject,
    nullable: true,
    directives: { semanticNonNull: {} },
    authScopes: { scope: 'QUOTA_READ' },
    resolve: (_tenant, _args, { reads }) => findQuota(reads),
  }),
)
