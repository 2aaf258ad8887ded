import { expect, test, vi } from 'vitest'
import { expireVersions, type Expiry } from '../../../src/features/versions/expire-versions.ts'
import { maxKeptVersions } from '../../../src/features/versions/version-retention.ts'
import { armFailpoints, type Step, writeSteps } from '../../../src/lib/failpoints.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import { age, createVersions, statesOf, storedBytes } from '../../support/versions.ts'

function expire({ services }: TestGateway, dryRun = false): Promise<Expiry[]> {
  return expireVersions({ ...services, signal: AbortSignal.timeout(20_000) }, { dryRun })
}

const gone = { expired: true, removed: true, body: false, history: false }
const kept = { expired: false, removed: false, body: true, history: true }

test('what the plan keeps no longer goes, and the current version never', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const old = await createVersions(gateway, tenant, 'old', ['1', '22', '333'])
  const young = await createVersions(gateway, tenant, 'young', ['1', '22'])
  await age(gateway, old, 31)
  await age(gateway, young, 29)

  expect(await expire(gateway)).toEqual([{ tenantId: tenant.id, versions: 2, bytes: 3 }])

  expect(await statesOf(gateway, tenant, old)).toMatchObject([gone, gone, kept])
  expect(await statesOf(gateway, tenant, young)).toMatchObject([kept, kept])
  expect(await storedBytes(gateway, tenant)).toBe(3 + 3)
  await expectIntact(gateway)
  expect(await expire(gateway)).toEqual([])
})

test('a version without a successor for long is kept for as long as it was current, and then some', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  const content = await createVersions(gateway, tenant, 'one', ['1', '2'])
  await gateway.database.admin.query(
    `update content_versions set created_at = now() - interval '1 year' where version_number = 1`,
  )

  expect(await expire(gateway)).toEqual([])
  expect(await statesOf(gateway, tenant, content)).toMatchObject([kept, kept])
})

test('an unlimited plan keeps every version', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'enterprise' })
  const content = await createVersions(gateway, tenant, 'one', ['1', '2'])
  await age(gateway, content, 10_000)

  expect(await expire(gateway)).toEqual([])
  expect(await statesOf(gateway, tenant, content)).toMatchObject([kept, kept])
})

test('a pinned version stays, and a body goes with the last version that has it', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'free' })
  // 1 and 2 share a body, so do 4 and 5.
  const content = await createVersions(gateway, tenant, 'one', ['1', '1', '22', '333', '333'])
  await age(gateway, content, 31)
  await setPinned(gateway, 2, true)

  expect(await expire(gateway)).toEqual([{ tenantId: tenant.id, versions: 3, bytes: 2 }])

  const lightHalf = { expired: true, removed: true, body: true, history: false }
  expect(await statesOf(gateway, tenant, content)).toMatchObject([
    lightHalf,
    kept,
    gone,
    lightHalf,
    kept,
  ])
  expect(await storedBytes(gateway, tenant)).toBe(1 + 3)
  await expectIntact(gateway)

  await setPinned(gateway, 2, false)
  expect(await expire(gateway)).toEqual([{ tenantId: tenant.id, versions: 1, bytes: 1 }])
  expect(await statesOf(gateway, tenant, content)).toMatchObject([
    gone,
    gone,
    gone,
    lightHalf,
    kept,
  ])
  expect(await storedBytes(gateway, tenant)).toBe(3)
  await expectIntact(gateway)
})

async function setPinned({ database }: TestGateway, number: number, pinned: boolean) {
  await database.admin.query(
    `update content_versions set pinned_at = case when $2 then now() end where version_number = $1`,
    [number, pinned],
  )
}

test('a flood of edits leaves the newest hundred versions and what is pinned', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant({ planTier: 'enterprise' })
  const bodies = Array.from({ length: 130 }, (_, index) => `${index}`.padStart(100))
  const content = await createVersions(gateway, tenant, 'one', bodies)
  await setPinned(gateway, 5, true)

  expect(await expire(gateway)).toEqual([{ tenantId: tenant.id, versions: 29, bytes: 2_900 }])

  const states = await statesOf(gateway, tenant, content)
  expect(states.filter(({ expired }) => expired).map(({ number }) => number)).toEqual([
    1,
    2,
    3,
    4,
    ...Array.from({ length: 25 }, (_, index) => index + 6),
  ])
  expect(states.filter(({ body, history }) => body && history)).toHaveLength(maxKeptVersions + 1)
  expect(
    states.every(({ expired, body, history }) => body !== expired && history !== expired),
  ).toBe(true)
  expect(await storedBytes(gateway, tenant)).toBe(100 * (maxKeptVersions + 1))
  await expectIntact(gateway)
  expect(await expire(gateway)).toEqual([])
})

test('a dry run says what would go, and changes nothing', async () => {
  await using gateway = await startGateway()
  const [one, two] = [await newFree(gateway), await newFree(gateway)]
  await age(gateway, await createVersions(gateway, one, 'one', ['1', '22', '22', '333']), 31)
  await age(gateway, await createVersions(gateway, two, 'two', ['4444', '55555']), 31)
  await createVersions(gateway, await newFree(gateway), 'three', ['1', '2'])
  const snapshot = async () => {
    const { rows } = await gateway.database.admin.query(
      'select * from content_versions order by tenant_id, id',
    )
    return rows
  }
  const before = await snapshot()

  const due = await expire(gateway, true)

  expect(due).toEqual([
    { tenantId: one.id, versions: 3, bytes: 3 },
    { tenantId: two.id, versions: 1, bytes: 4 },
  ])
  expect(await snapshot()).toEqual(before)
  expect(gateway.zerodb.calls.filter(({ operation }) => operation === 'bulkDelete')).toEqual([])
  expect(await expire(gateway)).toEqual(due)
})

function newFree(gateway: TestGateway): Promise<TestTenant> {
  return gateway.newTenant({ planTier: 'free' })
}

const ownSteps = writeSteps.filter((name) => /Expired/.test(name))
const crashes = ownSteps.flatMap((name) => [[name, 'before'] as const, [name, 'after'] as const])

test.each(crashes)('broken off at %s, %s, the next run ends what was begun', async (name, edge) => {
  await using gateway = await startGateway()
  const tenant = await newFree(gateway)
  const content = await createVersions(gateway, tenant, 'one', ['1', '22', '22', '333', '4444'])
  await age(gateway, content, 31)

  await expect(crashAt(name, edge, () => expire(gateway))).rejects.toThrow('struck')
  expect((await statesOf(gateway, tenant, content)).at(-1)).toMatchObject(kept)
  await expire(gateway)

  expect(await statesOf(gateway, tenant, content)).toMatchObject([gone, gone, gone, gone, kept])
  expect(await storedBytes(gateway, tenant)).toBe(4)
  await expectIntact(gateway)
})

async function crashAt<T>(name: Step, edge: 'before' | 'after', work: () => Promise<T>) {
  using _armed = armFailpoints(async (step, at) => {
    if (step === name && at === edge) throw new Error('struck')
  })
  return await work()
}

test('while ZeroDB is away nothing is booked; when it is back all of it goes', async () => {
  await using gateway = await startGateway()
  const tenant = await newFree(gateway)
  const content = await createVersions(gateway, tenant, 'one', ['1', '22', '333'])
  await age(gateway, content, 31)

  gateway.zerodb.faults.add({ operation: '*', kind: 'status', status: 500 })
  await expect(expire(gateway)).rejects.toThrow('ZeroDB')
  expect(await storedBytes(gateway, tenant)).toBe(6)

  gateway.zerodb.faults.clear()
  await expect
    .poll(
      () =>
        expire(gateway).then(
          (report) => report.length,
          () => -1,
        ),
      { timeout: 10_000 },
    )
    .toBeGreaterThanOrEqual(0)
  expect(await statesOf(gateway, tenant, content)).toMatchObject([gone, gone, kept])
  expect(await storedBytes(gateway, tenant)).toBe(3)
  await expectIntact(gateway)
})

test('several workers at once, with writers beside them, book each body once', async () => {
  await using gateway = await startGateway()
  const tenant = await newFree(gateway)
  const names = ['a', 'b', 'c', 'd']
  const contents = await Promise.all(
    names.map((name) => createVersions(gateway, tenant, name, ['1', '1', '22', '1', '333'])),
  )
  for (const content of contents) await age(gateway, content, 31)
  await using twin = await gateway.startTwin()

  await Promise.all([
    ...Array.from({ length: 4 }, () => expire(gateway)),
    ...Array.from({ length: 4 }, () => expire(twin)),
    ...names.map((name) => createVersions(gateway, tenant, name, ['4444', '55555'])),
  ])
  await expire(gateway)

  const { rows } = await gateway.database.admin.query<{ bytes: number }>(
    `select sum(size_bytes)::integer as bytes from (
       select distinct on (document_id) size_bytes from content_versions
       where documents_removed_at is null
     ) kept`,
  )
  expect(await storedBytes(gateway, tenant)).toBe(rows[0]?.bytes)
  for (const content of contents) {
    const states = await statesOf(gateway, tenant, content)
    expect(states.slice(0, 4).every(({ removed }) => removed)).toBe(true)
    expect(states.slice(-3)).toMatchObject([kept, kept, kept])
  }
  await expectIntact(gateway)
})

test('of two workers that settle versions of one body, the second books it', async () => {
  await using gateway = await startGateway()
  const { admin } = gateway.database
  const tenant = await newFree(gateway)
  const content = await createVersions(gateway, tenant, 'one', ['1', '1', '22'])
  await age(gateway, content, 31)
  // The first version is out of this worker's reach, and another one is about to settle it.
  await admin.query(
    `insert into queued_documents (tenant_id, id, table_name, content_id, write_id, document)
     select tenant_id, id, 'content_versions', content_id, gen_random_uuid(), '{}'
     from content_versions where version_number = 1`,
  )
  const other = await admin.connect()
  await other.query('begin')
  await other.query(
    `update content_versions set expired_at = now(), documents_removed_at = now()
     where version_number = 1`,
  )

  const expiring = expire(gateway)
  await vi.waitUntil(async () => {
    const { rows } = await admin.query(
      `select from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows.length === 1
  })
  await other.query('commit')
  other.release()

  expect(await expiring).toEqual([{ tenantId: tenant.id, versions: 1, bytes: 1 }])
  expect(await storedBytes(gateway, tenant)).toBe(2)
})

test('what still waits for ZeroDB is left until it got there', async () => {
  await using gateway = await startGateway()
  const tenant = await newFree(gateway)
  const content = await createVersions(gateway, tenant, 'one', ['1', '2'])
  await age(gateway, content, 31)
  await gateway.database.admin.query(
    `insert into queued_documents (tenant_id, id, table_name, content_id, write_id, document)
     select tenant_id, document_id, 'content_items', content_id, gen_random_uuid(), '{}'
     from content_versions where version_number = 1`,
  )

  expect(await expire(gateway)).toEqual([])
  expect(await statesOf(gateway, tenant, content)).toMatchObject([
    { expired: true, removed: false, body: true },
    kept,
  ])
  await gateway.database.admin.query('delete from queued_documents')
  expect(await expire(gateway)).toEqual([{ tenantId: tenant.id, versions: 1, bytes: 1 }])
})
