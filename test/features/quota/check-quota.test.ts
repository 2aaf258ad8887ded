import { expect, test } from 'vitest'
import { plans } from '../../../src/features/quota/plan-tiers.ts'
import { project, refuse } from '../../../src/features/quota/quota-projection.ts'
import type { PlanTier } from '../../../src/features/tenancy/tenant.entity.ts'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { startGateway } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { draft } from '../../support/writes.ts'
import { plantUsage } from './plants.ts'

const checkDocument = graphql(`
  query CheckQuotaForTest($input: QuotaCheckInput!) {
    checkQuota(input: $input) {
      canStore
      blocked
      reason
      currentGb
      limitGb
      projectedGb
      usagePercent
      warningLevel
      planTier
    }
  }
`)

const refusedDocument = graphql(`
  mutation RefusedForTest($input: CreateContentInput!) {
    createContent(input: $input) {
      __typename
      ... on QuotaExceededError {
        code
        message
        planTier
        currentUsageGb
        limitGb
        projectedUsageGb
        upgradeUrl
        quota {
          canStore
          reason
        }
      }
    }
  }
`)

test('a check says what storing more would mean, and reserves nothing', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'starter' })
  await plantUsage(gateway, tenant, { total_storage_bytes: 7 * bytesPerGb })
  const check = async (additionalBytes?: string) =>
    (await gateway.query(tenant, checkDocument, { input: { additionalBytes } })).data?.checkQuota

  const stands = { currentGb: 7, limitGb: 10, planTier: 'STARTER' }
  const within = { ...stands, canStore: true, blocked: false, reason: 'Within the storage limit.' }
  expect(await check()).toEqual({
    ...within,
    projectedGb: 7,
    usagePercent: 70,
    warningLevel: 'NORMAL',
  })
  expect(await check(`${bytesPerGb * 1.25}`)).toEqual({
    ...within,
    projectedGb: 8.25,
    usagePercent: 82.5,
    warningLevel: 'WARNING',
  })
  expect(await check(`${3 * bytesPerGb}`)).toEqual({
    ...within,
    projectedGb: 10,
    usagePercent: 100,
    warningLevel: 'BLOCKED',
  })
  expect(await check(`${3 * bytesPerGb + 1}`)).toMatchObject({
    ...stands,
    canStore: false,
    blocked: true,
    reason: 'Storage limit exceeded. Your Starter plan allows 10 GB. Current usage: 7.00 GB.',
  })
  expect(await check()).toMatchObject({ currentGb: 7 })
})

test('a check of an Enterprise tenant is always granted', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'enterprise' })
  const input = { additionalBytes: `${2 ** 50}` }

  const { data } = await gateway.query(tenant, checkDocument, { input })

  expect(data?.checkQuota).toEqual({
    canStore: true,
    blocked: false,
    reason: 'Unlimited storage (Enterprise plan)',
    currentGb: 0,
    limitGb: null,
    projectedGb: 2 ** 20,
    usagePercent: null,
    warningLevel: 'NORMAL',
    planTier: 'ENTERPRISE',
  })
})

test('negative bytes are refused', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const input = { additionalBytes: '-1' }

  const { data, errors } = await gateway.query(tenant, checkDocument, { input })

  expect(data).toBeNull()
  expect(errors).toMatchObject([
    { message: 'additionalBytes cannot be negative.', extensions: { code: 'BAD_USER_INPUT' } },
  ])
})

test('a tenant nobody knows may store nothing', () => {
  expect(project(null, bytesPerGb)).toMatchObject({
    canStore: false,
    blocked: true,
    reason: 'Tenant not found',
    currentGb: 0,
    projectedGb: 1,
  })
})

test.each<[PlanTier, number, string]>([
  ['free', 9.8049, 'Your Free plan allows 1 GB. Current usage: 9.80 GB.'],
  ['starter', 10, 'Your Starter plan allows 10 GB. Current usage: 10.00 GB.'],
  ['professional', 100.006, 'Your Professional plan allows 100 GB. Current usage: 100.01 GB.'],
  ['business', 512.5, 'Your Business plan allows 500 GB. Current usage: 512.50 GB.'],
])('a write beyond the %s plan is told what is used', async (planTier, usedGb, sentence) => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier })
  await plantUsage(gateway, tenant, { total_media_storage_bytes: Math.round(usedGb * bytesPerGb) })

  const { data } = await gateway.query(tenant, refusedDocument, { input: draft() })

  const message = `Storage limit exceeded. ${sentence}`
  const result = data?.createContent
  expect(result).toEqual({
    __typename: 'QuotaExceededError',
    code: 'QUOTA_EXCEEDED',
    message,
    planTier: planTier.toUpperCase(),
    currentUsageGb: Math.round(usedGb * bytesPerGb) / bytesPerGb,
    limitGb: plans[planTier].storageLimitGb,
    projectedUsageGb: expect.closeTo(usedGb, 6),
    upgradeUrl: '/settings/subscription',
    quota: { canStore: false, reason: message },
  })
})

test('what PostgreSQL refused stays refused, though room was made since', () => {
  const usage = { planTier: 'free', bytes: bytesPerGb / 2 } as const
  expect(refuse(usage, 1)).toMatchObject({
    canStore: false,
    blocked: true,
    reason: 'Storage limit exceeded. Your Free plan allows 1 GB. Current usage: 0.50 GB.',
  })
})
