import { expect, test } from 'vitest'
import { planTiers } from '../../../src/features/tenancy/tenant.entity.ts'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { createOne, draft, upsertOne } from '../../support/writes.ts'
import { plantUsage } from './plants.ts'

const quotaDocument = graphql(`
  query QuotaForTest {
    quota {
      planTier
      warningLevel
      lastCalculatedAt
      upgradeUrl
      usage {
        totalContentItems
        totalStorageBytes
        totalStorageGb
        totalMediaFiles
        totalMediaStorageBytes
        versionStorageBytes
        reservedBytes
      }
      limits {
        storageLimitGb
        availableGb
        usagePercent
        retentionDays
        versionRetentionDays
        monthlyGenerationLimit
        generatedThisMonth
        concurrentJobsLimit
        maxPageSize
      }
    }
  }
`)

const breakdownDocument = graphql(`
  query UsageBreakdownForTest {
    quota {
      usage {
        usageByType {
          type
          count
          bytes
        }
        usageByBrand {
          brand {
            name
          }
          items
          bytes
        }
      }
    }
  }
`)

const text = (raw: string) => ({ format: 'TEXT' as const, raw })

async function quotaOf(gateway: TestGateway, tenant: TestTenant | string) {
  const { data, errors } = await gateway.query(tenant, quotaDocument)
  if (!data?.quota) throw new Error(JSON.stringify(errors))
  return data.quota
}

test('usage counts live bodies in bytes, and earlier versions apart', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const externalRef = { system: 'cms', id: '1' }
  await createOne(gateway, tenant, draft({ body: text('Größe'), externalRef }))
  await upsertOne(gateway, tenant, { externalRef }, draft({ body: text('Size'), externalRef }))

  const quota = await quotaOf(gateway, tenant)

  expect(quota).toEqual({
    planTier: 'FREE',
    warningLevel: 'NORMAL',
    lastCalculatedAt: expect.any(String),
    upgradeUrl: '/settings/subscription',
    usage: {
      totalContentItems: 1,
      totalStorageBytes: '4',
      totalStorageGb: 4 / bytesPerGb,
      totalMediaFiles: 0,
      totalMediaStorageBytes: '0',
      versionStorageBytes: '7',
      reservedBytes: '0',
    },
    limits: {
      storageLimitGb: 1,
      availableGb: 1 - 4 / bytesPerGb,
      usagePercent: 0,
      retentionDays: 30,
      versionRetentionDays: 30,
      monthlyGenerationLimit: 100,
      generatedThisMonth: 0,
      concurrentJobsLimit: 10,
      maxPageSize: 100,
    },
  })
})

test('a deleted content leaves the count at once, and its bytes are shown apart until restored', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 2)
  const usage = async () => (await quotaOf(gateway, tenant)).usage
  const live = { totalContentItems: 2, totalStorageBytes: '12', versionStorageBytes: '0' }
  expect(await usage()).toMatchObject(live)

  await gateway.query(tenant, `mutation { deleteContent(ref: { id: "${id}" }) { __typename } }`)
  const trashed = { totalContentItems: 1, totalStorageBytes: '6', versionStorageBytes: '6' }
  expect(await usage()).toMatchObject(trashed)

  await gateway.query(tenant, `mutation { undeleteContent(id: "${id}") { __typename } }`)
  expect(await usage()).toMatchObject(live)
})

test('each plan has its limits', async () => {
  await using gateway = await startGateway()
  const limits: unknown[] = []
  for (const planTier of planTiers) {
    const tenant = await gateway.newTenant({ planTier })
    const { storageLimitGb, retentionDays, monthlyGenerationLimit } = (
      await quotaOf(gateway, tenant)
    ).limits
    limits.push([planTier, storageLimitGb, retentionDays, monthlyGenerationLimit])
  }
  expect(limits).toEqual([
    ['free', 1, 30, 100],
    ['starter', 10, 90, 1_000],
    ['professional', 100, 365, 10_000],
    ['business', 500, 1_826, 50_000],
    ['enterprise', null, null, null],
  ])
})

test.each([
  { percent: 79.9, warningLevel: 'NORMAL' },
  { percent: 80, warningLevel: 'WARNING' },
  { percent: 84.9, warningLevel: 'WARNING' },
  { percent: 85, warningLevel: 'CRITICAL' },
  { percent: 99.9, warningLevel: 'CRITICAL' },
  { percent: 100, warningLevel: 'BLOCKED' },
  { percent: 110, warningLevel: 'BLOCKED' },
])('at $percent % the level is $warningLevel', async ({ percent, warningLevel }) => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'starter' })
  const bytes = Math.round((percent / 100) * 10 * bytesPerGb)
  // What counts is the sum: a tenth of it is reserved, three tenths are media.
  const reserved = Math.round(bytes / 10)
  const media = Math.round(bytes * 0.3)
  await plantUsage(gateway, tenant, {
    total_storage_bytes: bytes - reserved - media,
    total_media_storage_bytes: media,
    reserved_bytes: reserved,
  })

  const quota = await quotaOf(gateway, tenant)

  expect(quota).toMatchObject({ warningLevel, limits: { usagePercent: percent } })
  expect(quota.limits.availableGb).toBeCloseTo(Math.max(0, 10 - percent / 10), 6)
})

test('an Enterprise tenant has no limit and is never warned', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'enterprise' })
  await plantUsage(gateway, tenant, { total_storage_bytes: 10_000 * bytesPerGb })

  expect(await quotaOf(gateway, tenant)).toMatchObject({
    warningLevel: 'NORMAL',
    upgradeUrl: null,
    usage: { totalStorageGb: 10_000 },
    limits: {
      storageLimitGb: null,
      availableGb: null,
      usagePercent: null,
      retentionDays: null,
      monthlyGenerationLimit: null,
    },
  })
})

test('500 GB in use and one body of 5 GB are exact to the byte', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'business' })
  await createTestContents(gateway, tenant, 1)
  const object = 5 * bytesPerGb + 1
  const used = 500 * bytesPerGb - 1
  await gateway.database.admin.query(
    'update content_items set storage_size_bytes = $2 where tenant_id = $1',
    [tenant.id, object],
  )
  await plantUsage(gateway, tenant, { total_storage_bytes: used, stored_body_bytes: used + object })

  const { usage, limits } = await quotaOf(gateway, tenant)
  const { data } = await gateway.query(tenant, breakdownDocument)

  expect(usage).toMatchObject({
    totalStorageBytes: '536870911999',
    versionStorageBytes: '5368709121',
  })
  expect(limits).toMatchObject({ storageLimitGb: 500, availableGb: 1 / bytesPerGb })
  expect(data?.quota?.usage.usageByType).toEqual([{ type: 'POST', count: 1, bytes: '5368709121' }])
})

test('the largest sum that a BigInt carries exactly is exact', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'enterprise' })
  await plantUsage(gateway, tenant, { total_storage_bytes: Number.MAX_SAFE_INTEGER })

  const { usage } = await quotaOf(gateway, tenant)

  expect(usage.totalStorageBytes).toBe('9007199254740991')
})

test('usage is broken down by type and brand, of live contents alone', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({
    brands: [
      { name: 'Near', campaignSpaces: [] },
      { name: 'Far', campaignSpaces: [] },
    ],
  })
  const [near, far] = tenant.brands
  await createTestContents(gateway, tenant, 2, () => ({
    campaignSpaceId: null,
    body: text('x'.repeat(30)),
  }))
  await createOne(gateway, tenant, draft({ type: 'ARTICLE', body: text('x'.repeat(7)) }))
  const [deleted = ''] = await createTestContents(gateway, tenant, 1, () => ({
    campaignSpaceId: null,
    type: 'VIDEO' as const,
  }))
  const { admin } = gateway.database
  await admin.query('update content_items set deleted_at = now() where content_type = $1', [
    'video',
  ])
  await admin.query(
    `update content_items set brand_id = $1 where id = (
       select id from content_items where brand_id = $2 and deleted_at is null limit 1)`,
    [far?.id, near?.id],
  )
  expect(deleted).not.toBe('')

  const { data } = await gateway.query(tenant, breakdownDocument)

  expect(data?.quota?.usage.usageByType).toEqual([
    { type: 'POST', count: 2, bytes: '60' },
    { type: 'ARTICLE', count: 1, bytes: '7' },
  ])
  expect(data?.quota?.usage.usageByBrand.toSorted(byName)).toEqual([
    { brand: null, items: 1, bytes: '7' },
    { brand: { name: 'Far' }, items: 1, bytes: '30' },
    { brand: { name: 'Near' }, items: 1, bytes: '30' },
  ])

  await admin.query('delete from brand_members where brand_id = $1', [far?.id])
  const editor = await gateway.query(tenant.tokens.editor, breakdownDocument)
  expect(editor.data?.quota?.usage.usageByBrand.toSorted(byName)).toEqual([
    { brand: null, items: 2, bytes: '37' },
    { brand: { name: 'Near' }, items: 1, bytes: '30' },
  ])
})

const byName = (a: { brand: { name: string } | null }, b: { brand: { name: string } | null }) =>
  (a.brand?.name ?? '').localeCompare(b.brand?.name ?? '')

test('the sums, the history and the forecast of one quota share a round trip', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  await gateway.query(tenant, quotaDocument)

  const counters = await gateway.explain(tenant, quotaDocument)
  const everything = await gateway.explain(
    tenant,
    `{ quota {
      history(range: { from: "2026-11-01T00:00:00Z", to: "2026-11-20T00:00:00Z" }) { bytes }
      projectedFullAt
      usage { usageByType { bytes } usageByBrand { bytes } }
    } }`,
  )

  expect(counters).toMatchObject({ postgres: 1, zerodb: 0 })
  expect(everything).toMatchObject({ postgres: 2, zerodb: 0 })
})

test('a tenant has its quota, and both want the scope QUOTA_READ', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'starter' })
  const own = '{ viewer { tenant { name quota { limits { storageLimitGb } } } } }'

  const { data } = await gateway.query(tenant, own)
  expect(data).toEqual({
    viewer: { tenant: { name: 'Test tenant', quota: { limits: { storageLimitGb: 10 } } } },
  })

  const subject = 'owner@test'
  const token = await gateway.signToken({ subject, tenantId: tenant.id, scope: 'CONTENT_READ' })
  const narrow = await gateway.query(token, own)
  expect(narrow.data).toEqual({ viewer: { tenant: { name: 'Test tenant', quota: null } } })
  for (const { errors } of [narrow, await gateway.query(token, quotaDocument)]) {
    expect(errors?.map(({ extensions }) => extensions)).toEqual([
      { code: 'FORBIDDEN', requiredScopes: ['QUOTA_READ'] },
    ])
  }
})

test('tenants do not see each other’s usage', async () => {
  await using gateway = await startGateway()
  const busy = await gateway.newTenant()
  const idle = await gateway.newTenant()
  await createTestContents(gateway, busy, 3)

  expect((await quotaOf(gateway, busy)).usage.totalContentItems).toBe(3)
  expect((await quotaOf(gateway, idle)).usage.totalContentItems).toBe(0)
  const { data } = await gateway.query(idle, breakdownDocument)
  expect(data?.quota?.usage).toEqual({ usageByType: [], usageByBrand: [] })
})
