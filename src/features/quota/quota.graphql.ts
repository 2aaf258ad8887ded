import type { ObjectRef } from '@pothos/core'
import { badUserInput } from '../../graphql/bad-user-input.ts'
import { builder, type SchemaTypes } from '../../graphql/builder.ts'
import { ErrorInterface } from '../../graphql/errors.ts'
import { PlanTierEnum } from '../tenancy/tenancy.graphql.ts'
import { upgradeUrl } from './plan-tiers.ts'
import { QuotaExceededError } from './quota.errors.ts'
import type { QuotaProjection } from './quota-projection.ts'
import { projectUsage } from './storage-usage.ts'

export const WarningLevelEnum = builder.enumType('WarningLevel', {
  description: 'From 80 % of the limit WARNING, from 85 % CRITICAL, from 100 % BLOCKED.',
  values: ['NORMAL', 'WARNING', 'CRITICAL', 'BLOCKED'] as const,
})

export const QuotaProjectionObject = builder
  .objectRef<QuotaProjection>('QuotaProjection')
  .implement({
    description: 'Where the tenant stands, or would stand; GB are GiB, 1024³ bytes.',
    fields: (t) => ({
      planTier: t.expose('planTier', { type: PlanTierEnum }),
      canStore: t.exposeBoolean('canStore'),
      blocked: t.exposeBoolean('blocked'),
      reason: t.exposeString('reason'),
      currentGb: t.exposeFloat('currentGb'),
      limitGb: t.exposeFloat('limitGb', { nullable: true, description: 'null = unlimited' }),
      projectedGb: t.exposeFloat('projectedGb'),
      usagePercent: t.exposeFloat('usagePercent', { nullable: true }),
      warningLevel: t.expose('warningLevel', { type: WarningLevelEnum }),
    }),
  })

/** Adds `quota`, where the tenant stands by now, to what a write answers. */
export function addQuotaField<Shape>(Success: ObjectRef<SchemaTypes, Shape>): void {
  builder.objectField(Success, 'quota', (t) =>
    t.field({
      type: QuotaProjectionObject,
      description: 'Where the tenant stands after this write.',
      resolve: (_success, _args, { reads }) => projectUsage(reads, 0),
    }),
  )
}

builder.objectType(QuotaExceededError, {
  name: 'QuotaExceededError',
  description: 'The write would pass the storage limit of the plan. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    quota: t.expose('quota', { type: QuotaProjectionObject }),
    planTier: t.field({ type: PlanTierEnum, resolve: ({ quota }) => quota.planTier }),
    currentUsageGb: t.float({ resolve: ({ quota }) => quota.currentGb }),
    limitGb: t.float({ nullable: true, resolve: ({ quota }) => quota.limitGb }),
    projectedUsageGb: t.float({ resolve: ({ quota }) => quota.projectedGb }),
    upgradeUrl: t.field({
      type: 'String',
      description: 'Where to get a larger plan, relative to the Studio.',
      resolve: () => upgradeUrl,
    }),
  }),
})

const QuotaCheckInput = builder.inputType('QuotaCheckInput', {
  description: 'What you are about to store.',
  fields: (t) => ({
    additionalBytes: t.field({ type: 'BigInt', description: 'In UTF-8; none if left out.' }),
  }),
})

builder.queryField('checkQuota', (t) =>
  t.field({
    type: QuotaProjectionObject,
    description: 'Whether so much more could be stored now. Nothing is reserved.',
    authScopes: { scope: 'QUOTA_READ' },
    args: { input: t.arg({ type: QuotaCheckInput, required: true }) },
    resolve: (_root, { input }, { reads }) => {
      const additionalBytes = input.additionalBytes ?? 0
      if (additionalBytes < 0) throw badUserInput('additionalBytes cannot be negative.')
      return projectUsage(reads, additionalBytes)
    },
  }),
)
