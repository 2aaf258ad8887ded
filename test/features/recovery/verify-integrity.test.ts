import { expect, test } from 'vitest'
import type { Finding } from '../../../src/features/recovery/finding.ts'
import { mapLimit } from '../../../src/lib/map-limit.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { expectIntact, expireLeases, repair, verify } from '../../support/integrity.ts'
import { createMany, createOne, draft, upsertOne } from '../../support/writes.ts'
import { type Plant, plants, type Scene } from './plants.ts'

const ref = { externalRef: { system: 'cms', id: 'page-1' } }
const text = (raw: string) => ({ format: 'TEXT' as const, raw })

/** Ten contents, one of them with three versions of which two share a body, and failures between. */
async function workUp(gateway: TestGateway, tenant: TestTenant) {
  const keyed = draft({ idempotencyKey: 'once', title: 'Keyed' })
  await createOne(gateway, tenant, keyed)
  await createOne(gateway, tenant, keyed)
  await upsertOne(gateway, tenant, ref, draft({ title: 'First', body: text('One') }))
  await upsertOne(gateway, tenant, ref, draft({ title: 'Second', body: text('One') }))
  await upsertOne(gateway, tenant, ref, draft({ title: 'Second', body: text('Two') }))
  const taken = await createOne(gateway, tenant, draft({ externalRef: ref.externalRef }))
  expect(taken.__typename).toBe('ConflictError')
  const bodies = ['x'.repeat(200_000), JSON.stringify('é'.repeat(5_000)), '', 'Line\n"quoted"']
  await createMany(
    gateway,
    tenant,
    bodies.map((raw) => draft({ body: text(raw) })),
  )
  const twins = Array.from({ length: 5 }, (_, n) =>
    draft({ externalRef: { system: 's', id: `${n % 4}` } }),
  )
  const batch = await createMany(gateway, tenant, twins, 'REJECT_FAILED')
  expect(batch).toMatchObject({ succeeded: 4, failed: 1 })
}

test('a mixed workload leaves nothing to find, before and after the sweeper', async () => {
  await using gateway = await startGateway()
  const [free, other] = [await gateway.newTenant({ planTier: 'free' }), await gateway.newTenant()]
  await workUp(gateway, free)
  await workUp(gateway, other)
  await fillUp(gateway, free)
  const rejected = await createOne(gateway, free, draft({ body: text('Too much') }))
  expect(rejected.__typename).toBe('QuotaExceededError')

  const { findings, checked } = await verify(gateway)
  expect(findings).toEqual([])
  expect(checked).toMatchObject({ tenants: 2, contents: 20, versions: 24 })
  // Losers' documents are still there: 12 versions less one shared body, and two losers per tenant.
  expect(checked.documents).toBe(2 * (12 + 11 + 2 * 2))

  await expireLeases(gateway)
  await gateway.sweep()
  const swept = await verify(gateway)
  expect(swept.findings).toEqual([])
  expect(swept.checked).toEqual({
    tenants: 2,
    contents: 20,
    versions: 24,
    documents: 46,
    copies: 0,
    expected: 90,
  })
})

/** Leaves no room under the plan's limit; media bytes count towards it. */
async function fillUp({ database }: TestGateway, { id }: TestTenant): Promise<void> {
  await database.admin.query(
    `update content_storage_usage set total_media_storage_bytes = 1024 ^ 3 - total_storage_bytes
     where tenant_id = $1`,
    [id],
  )
}

test('every planted fault is found exactly once, in its own tenant', async () => {
  await using gateway = await startGateway()
  const scenes = await plantAll(gateway)

  const { findings } = await verify(gateway)

  expect(reportOf(scenes, findings)).toEqual(
    scenes.map(({ fault, breaks, repair: kind }) => `${fault}: ${breaks} ${kind ?? 'for people'}`),
  )
  expect(findings).toHaveLength(plants.length)
})

test('a repair puts right what takes no guess, and leaves the rest as it is', async () => {
  await using gateway = await startGateway()
  const scenes = await plantAll(gateway)
  const found = await verify(gateway)

  const { findings, checked, rechecked } = await repair(gateway)

  expect(reportOf(scenes, findings)).toEqual(
    scenes.map(({ fault, breaks, repair: kind }) =>
      kind ? `${fault}: ${breaks} ${kind}, repaired` : `${fault}: ${breaks} for people`,
    ),
  )
  const left = found.findings.filter((finding) => !finding.repair)
  expect((await verify(gateway)).findings).toEqual(left)
  expect((await repair(gateway)).findings).toEqual(left)
  expect(checked).toMatchObject({ tenants: plants.length, contents: found.checked.contents })
  expect(rechecked).toMatchObject({ tenants: plants.length - left.length })
  await expectRecorded(gateway, plants.length - left.length)
})

/** One event for each tenant that was repaired, and none for those that were not. */
async function expectRecorded({ database }: TestGateway, tenants: number): Promise<void> {
  const { rows } = await database.admin.query<{ before: object; after: object }>(
    `select before, after from audit_events where action = 'repairIntegrity'`,
  )
  expect(rows).toHaveLength(tenants)
  expect(rows).toContainEqual({
    before: { found: { outbox: 1 } },
    after: { repaired: { outbox: 1 } },
  })
}

interface PlantedScene extends Omit<Plant, 'plant'> {
  tenantId: string
}

/** Each fault in a tenant of its own. */
async function plantAll(gateway: TestGateway): Promise<PlantedScene[]> {
  const scenes = await mapLimit(plants, 4, async ({ plant, ...about }) => {
    const scene = await setScene(gateway)
    return { ...about, harm: () => plant(scene), tenantId: scene.tenantId }
  })
  await expireLeases(gateway)
  await gateway.sweep()
  await expectIntact(gateway)
  for (const { harm } of scenes) await harm()
  return scenes
}

/** A line for each scene, of all that was found in its tenant. */
function reportOf(scenes: readonly PlantedScene[], findings: readonly Finding[]): string[] {
  const found = Map.groupBy(findings, ({ tenantId }) => tenantId)
  return scenes.map(({ fault, tenantId }) => {
    const ends = found
      .get(tenantId)
      ?.map((finding) => `${finding.invariant} ${finding.repair ?? 'for people'}${endOf(finding)}`)
    return `${fault}: ${ends?.join('; ') ?? 'not found'}`
  })
}

function endOf({ repaired }: Finding): string {
  return repaired ? ', repaired' : ''
}

async function setScene(gateway: TestGateway): Promise<Scene> {
  const tenant = await gateway.newTenant()
  await workUp(gateway, tenant)
  const { admin } = gateway.database
  const { rows } = await admin.query<Scene['versions'][number]>(
    `select v.id, v.content_id as "contentId", v.document_id as "documentId"
     from content_versions v
       join content_items c on c.tenant_id = v.tenant_id and c.id = v.content_id
     where v.tenant_id = $1 and c.version = 3 order by v.version_number`,
    [tenant.id],
  )
  return {
    tenantId: tenant.id,
    zerodb: gateway.services.zerodb,
    versions: rows as Scene['versions'],
    sql: (text, ...values) =>
      admin.query(text, text.includes('$1') ? [tenant.id, ...values] : values),
  }
}

test('writers and sweepers under way raise no false alarm', async () => {
  await using gateway = await startGateway()
  await using checker = await gateway.startTwin()
  const tenant = await gateway.newTenant()
  gateway.zerodb.faults.add(
    { operation: 'insert', kind: 'latency', ms: 2, jitterMs: 30 },
    { operation: 'insert', kind: 'answerLost', probability: 0.05, seed: 7 },
    { operation: 'insert', kind: 'status', status: 500, probability: 0.05, seed: 8 },
  )
  let writers = 4
  const write = async (writer: number) => {
    for (let n = 0; n < 12; n++) {
      const raw = `${writer}-${n}`.repeat(50)
      await upsertOne(gateway, tenant, ref, draft({ body: text(raw) }))
      await createMany(gateway, tenant, [draft({ title: raw }), draft()], 'REJECT_FAILED')
    }
    writers--
  }
  const sweep = async () => {
    while (writers > 0) {
      await shortenLeases(gateway)
      await gateway.sweep().catch(() => undefined)
    }
  }
  let checks = 0
  const check = async () => {
    while (writers > 0) {
      const { findings } = await verify(checker)
      expect(findings).toEqual([])
      checks++
    }
  }

  await Promise.all([check(), sweep(), ...Array.from({ length: 4 }, (_, writer) => write(writer))])

  expect(checks).toBeGreaterThan(2)
  gateway.zerodb.faults.clear()
  await expectIntact(checker)
})

/** To an eighth of a second instead of a minute, so that the sweeper meets writers that live. */
async function shortenLeases({ database }: TestGateway): Promise<void> {
  await database.admin.query(
    `update content_write_intents set lease_expires_at = created_at + interval '0.125 seconds'
     where lease_expires_at > now()`,
  )
}
