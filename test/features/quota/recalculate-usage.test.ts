import { expect, test } from 'vitest'
import { recalculateAllUsage } from '../../../src/features/quota/recalculate-usage.ts'
import { encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { bytesPerGb } from '../../../src/lib/bytes.ts'
import { newId } from '../../../src/lib/id.ts'
import { createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { graphql } from '../../support/gql/gql.ts'
import { expectIntact } from '../../support/integrity.ts'
import { countRows } from '../../support/rows.ts'
import { createOne, draft } from '../../support/writes.ts'
import { alertsOf, plantUsage, plantWrite } from './plants.ts'

const recalculateDocument = graphql(`
  mutation RecalculateForTest($tenantId: ID) {
    recalculateQuota(tenantId: $tenantId) {
      __typename
      ... on OpsSuccess {
        ok
        message
        recalculation {
          driftBytes
          driftItems
          before {
            ...CountersForTest
          }
          after {
            ...CountersForTest
          }
        }
      }
      ... on ValidationError {
        message
        issues {
          path
          code
        }
      }
      ... on ForbiddenError {
        requiredScopes
      }
      ... on StorageUnavailableError {
        store
      }
    }
  }

  fragment CountersForTest on StorageUsage {
    totalContentItems
    totalStorageBytes
    totalMediaFiles
    totalMediaStorageBytes
    versionStorageBytes
    reservedBytes
  }
`)

async function recalculate(gateway: TestGateway, who: TestTenant | string, tenantId?: string) {
  const variables = tenantId === undefined ? {} : { tenantId }
  const { data, errors } = await gateway.query(who, recalculateDocument, variables)
  if (!data) throw new Error(JSON.stringify(errors))
  return data.recalculateQuota
}

/** As the hourly task does, for every tenant. */
function runTask({ services: { database, log } }: TestGateway): Promise<void> {
  return recalculateAllUsage({ database, log, signal: AbortSignal.timeout(10_000) })
}

/** What the audit says of recalculations. */
async function auditOf({ database }: TestGateway, { id }: TestTenant) {
  const { rows } = await database.admin.query<Record<string, unknown>>(
    `select actor_user_id as actor, subject_type as type, subject_id as subject, before,
       after, request_id as request
     from audit_events where tenant_id = $1 and action = 'quota.recalculate' order by id`,
    [id],
  )
  return rows
}

const right = {
  totalContentItems: 3,
  totalStorageBytes: '18',
  totalMediaFiles: 2,
  totalMediaStorageBytes: '70',
  versionStorageBytes: '0',
  reservedBytes: '0',
}

/** Three contents of six bytes, and media, whose counters are their own truth. */
async function newBusyTenant(gateway: TestGateway): Promise<TestTenant> {
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 3)
  await plantUsage(gateway, tenant, { total_media_files: 2, total_media_storage_bytes: 70 })
  return tenant
}

test('a run that finds nothing wrong changes nothing', async () => {
  await using gateway = await startGateway()
  const tenant = await newBusyTenant(gateway)
  const before = await countRows(gateway.database.admin)

  expect(await recalculate(gateway, tenant)).toEqual({
    __typename: 'OpsSuccess',
    ok: true,
    message: 'Usage was right; nothing was changed.',
    recalculation: { driftBytes: '0', driftItems: 0, before: right, after: right },
  })
  expect(await countRows(gateway.database.admin)).toEqual(before)
})

test('a counter that was changed by hand is found, alerted, repaired and audited by one run', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' })
  const tenant = await newBusyTenant(gateway)
  await plantUsage(gateway, tenant, {
    total_storage_bytes: 1_018,
    total_content_items: 5,
    reserved_bytes: 40,
    stored_body_bytes: 1_000,
  })

  await runTask(gateway)

  const value =
    'totalContentItems +2, totalStorageBytes +1000, reservedBytes +40, storedBodyBytes +982'
  const alert = { kind: 'USAGE_DRIFT', threshold: '0' }
  const [firing] = await alertsOf(gateway, tenant)
  expect(firing).toMatchObject({ ...alert, resolved: false })
  expect(firing?.value.split(', ').toSorted()).toEqual(value.split(', ').toSorted())
  expect(await auditOf(gateway, tenant)).toMatchObject([
    {
      actor: null,
      type: 'Tenant',
      subject: tenant.id,
      request: 'task:recalculateUsage',
      before: { totalStorageBytes: 1_018, totalContentItems: 5, reservedBytes: 40 },
      after: { totalStorageBytes: 18, totalContentItems: 3, reservedBytes: 0, storedBodyBytes: 18 },
    },
  ])
  await expectIntact(gateway)

  await runTask(gateway)
  expect(await alertsOf(gateway, tenant)).toMatchObject([{ ...alert, resolved: true }])
  expect(await auditOf(gateway, tenant)).toHaveLength(1)
  const settled = await countRows(gateway.database.admin)
  await runTask(gateway)
  expect(await countRows(gateway.database.admin)).toEqual(settled)
})

test('the mutation says what it has repaired, and who asked is in the audit', async () => {
  await using gateway = await startGateway()
  const tenant = await newBusyTenant(gateway)
  await plantUsage(gateway, tenant, { total_storage_bytes: 8, total_content_items: 4 })

  expect(await recalculate(gateway, tenant, encodeGlobalId('Tenant', tenant.id))).toEqual({
    __typename: 'OpsSuccess',
    ok: true,
    message: expect.stringMatching(
      /^Repaired: (totalStorageBytes -10, totalContentItems \+1|totalContentItems \+1, totalStorageBytes -10)\.$/,
    ),
    recalculation: {
      driftBytes: '-10',
      driftItems: 1,
      before: {
        ...right,
        totalStorageBytes: '8',
        totalContentItems: 4,
        versionStorageBytes: '10',
      },
      after: right,
    },
  })
  const owner = tenant.users.find(({ role }) => role === 'owner')
  expect(await auditOf(gateway, tenant)).toMatchObject([{ actor: owner?.id }])
})

test('a ledger that does not add up gets a correction', async () => {
  await using gateway = await startGateway()
  const tenant = await newBusyTenant(gateway)
  await plantWrite(gateway, tenant, { bytes: 500, items: 2, at: '2026-01-01T00:00:00Z' })

  const result = await recalculate(gateway, tenant)

  expect(result).toMatchObject({
    message: 'Repaired: ledger bytes +500, ledger items +2.',
    recalculation: { driftBytes: '0', after: right },
  })
  const { rows } = await gateway.database.admin.query(
    `select content_id, bytes::integer, items from usage_ledger where kind = 'correction'`,
  )
  expect(rows).toEqual([{ content_id: null, bytes: -500, items: -2 }])
  await expectIntact(gateway)
})

test('an account that is missing is made again', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 3)
  await gateway.database.admin.query('delete from content_storage_usage where tenant_id = $1', [
    tenant.id,
  ])

  expect(await recalculate(gateway, tenant)).toMatchObject({
    recalculation: { driftBytes: '-18', driftItems: -3 },
  })
  await expectIntact(gateway)
})

test('a version whose documents are gone is kept no longer', async () => {
  await using gateway = await startGateway()
  const tenant = await newBusyTenant(gateway)
  const { admin } = gateway.database
  await admin.query('update content_items set deleted_at = now() where title = $1', ['Content 0'])
  const sizes = () => recalculate(gateway, tenant)

  expect(await sizes()).toMatchObject({
    recalculation: { after: { totalStorageBytes: '12', versionStorageBytes: '6' } },
  })
  await admin.query(
    `update content_versions v set expired_at = now(), documents_removed_at = now()
     from content_items c where c.id = v.content_id and c.deleted_at is not null`,
  )
  expect(await sizes()).toMatchObject({
    recalculation: { after: { totalStorageBytes: '12', versionStorageBytes: '0' } },
  })
})

test('the storage alert is set right with the counters', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const storageAlerts = async () =>
    (await alertsOf(gateway, tenant)).filter(({ kind }) => kind === 'STORAGE_USAGE')

  await plantUsage(gateway, tenant, { total_media_storage_bytes: Math.round(0.9 * bytesPerGb) })
  await runTask(gateway)
  expect(await storageAlerts()).toMatchObject([{ value: '90%', resolved: false }])

  await gateway.database.admin.query(`update tenants set plan_tier = 'enterprise' where id = $1`, [
    tenant.id,
  ])
  await runTask(gateway)
  expect(await storageAlerts()).toMatchObject([{ value: '90%', resolved: true }])
})

test('a run beside busy writers finds no drift and stops nobody', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 5, jitterMs: 20 })
  let writing = true
  const runs: unknown[] = []
  const check = async () => {
    while (writing) runs.push(await recalculate(gateway, tenant))
  }
  const checking = check()

  const answers = await Promise.all(
    Array.from({ length: 6 }, async (_, writer) => {
      const names: string[] = []
      for (let n = 0; n < 5; n++) {
        names.push((await createOne(gateway, tenant, draft({ title: `${writer}` }))).__typename)
      }
      return names
    }),
  )
  writing = false
  await checking

  expect(new Set(answers.flat())).toEqual(new Set(['ContentSuccess']))
  expect(runs.length).toBeGreaterThan(0)
  for (const run of runs) {
    expect(run).toMatchObject({ message: 'Usage was right; nothing was changed.' })
  }
  expect(await alertsOf(gateway, tenant)).toEqual([])
  await expectIntact(gateway)
})

test('drift is repaired beside busy writers, and nothing of theirs is lost', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 5, jitterMs: 20 })
  let corruptions = 0

  await Promise.all([
    ...Array.from({ length: 6 }, async () => {
      for (let n = 0; n < 5; n++) await createOne(gateway, tenant, draft())
    }),
    (async () => {
      for (; corruptions < 5; corruptions++) {
        await gateway.database.admin.query(
          `update content_storage_usage set total_storage_bytes = total_storage_bytes + 1000
           where tenant_id = $1`,
          [tenant.id],
        )
        expect(await recalculate(gateway, tenant)).toMatchObject({
          recalculation: { driftBytes: '1000' },
        })
      }
    })(),
  ])

  expect(corruptions).toBe(5)
  expect(await auditOf(gateway, tenant)).toHaveLength(5)
  await expectIntact(gateway)
})

test('one tenant that fails does not keep the others from their run', async () => {
  await using gateway = await startGateway({
    DATABASE_STATEMENT_TIMEOUT_MS: '300',
    LOG_LEVEL: 'silent',
  })
  const stuck = await newBusyTenant(gateway)
  const next = await newBusyTenant(gateway)
  for (const tenant of [stuck, next]) {
    await plantUsage(gateway, tenant, { total_storage_bytes: 1 })
  }
  const client = await gateway.database.admin.connect()
  try {
    await client.query('begin')
    await client.query('select from content_storage_usage where tenant_id = $1 for update', [
      stuck.id,
    ])
    await runTask(gateway)
  } finally {
    await client.query('rollback')
    client.release()
  }

  expect(await alertsOf(gateway, stuck)).toEqual([])
  expect(await alertsOf(gateway, next)).toMatchObject([{ kind: 'USAGE_DRIFT' }])
})

test('an account that somebody holds is a store that cannot take the write now', async () => {
  await using gateway = await startGateway({ DATABASE_STATEMENT_TIMEOUT_MS: '300' })
  const tenant = await newBusyTenant(gateway)
  await plantUsage(gateway, tenant, { total_storage_bytes: 1 })
  const client = await gateway.database.admin.connect()
  try {
    await client.query('begin')
    await client.query('select from content_storage_usage for update')
    expect(await recalculate(gateway, tenant)).toEqual({
      __typename: 'StorageUnavailableError',
      store: 'POSTGRES',
    })
  } finally {
    await client.query('rollback')
    client.release()
  }
})

test('nobody recalculates for another tenant, or without the scope', async () => {
  await using gateway = await startGateway()
  const tenant = await newBusyTenant(gateway)
  const other = await newBusyTenant(gateway)
  await plantUsage(gateway, other, { total_storage_bytes: 1 })

  for (const id of [other.id, newId()]) {
    expect(await recalculate(gateway, tenant, encodeGlobalId('Tenant', id))).toEqual({
      __typename: 'ValidationError',
      message: 'tenantId: There is no such tenant',
      issues: [{ path: ['tenantId'], code: 'NOT_FOUND' }],
    })
  }
  expect(await recalculate(gateway, other.tokens.editor)).toEqual({
    __typename: 'ForbiddenError',
    requiredScopes: ['OPS_WRITE'],
  })
  expect(await alertsOf(gateway, other)).toEqual([])
})
