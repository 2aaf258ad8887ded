import { expect, test } from 'vitest'
import { bodyTable } from '../../../src/features/content/documents.ts'
import { newId } from '../../../src/lib/id.ts'
import { brandOf } from '../../support/contents.ts'
import { copyVersions } from '../../support/copies.ts'
import { startGateway } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import { createThreeVersions, documentsIn, restore, usageOf, wipe } from '../../support/restores.ts'
import { deleteOne, newContent, purgeOne, succeeded } from '../../support/writes.ts'

const withCopy = () => startGateway({}, { bigquery: true })

test('what ZeroDB has lost comes back as it was, and what was deleted does not (H7)', async () => {
  await using gateway = await withCopy()
  const { zerodb } = gateway.services
  const [tenant, other] = [await gateway.newTenant(), await gateway.newTenant()]
  const contents = await createThreeVersions(gateway, tenant, 100)
  await createThreeVersions(gateway, other, 2)
  for (const { id } of contents.slice(0, 8)) succeeded(await deleteOne(gateway, tenant, { id }))
  for (const { id } of contents.slice(0, 4)) succeeded(await purgeOne(gateway, tenant, id))
  await copyVersions(gateway, tenant.id)
  const [before, usage] = [await documentsIn(zerodb, tenant), await usageOf(gateway, tenant)]
  const others = await documentsIn(zerodb, other)
  expect(before.size).toBe(96 * 2 + 96 * 3 + 4)
  await wipe(gateway, tenant)
  expect((await documentsIn(zerodb, tenant)).size).toBe(0)

  const job = await restore(gateway, tenant)

  expect(await documentsIn(zerodb, tenant)).toEqual(before)
  expect(await usageOf(gateway, tenant)).toEqual(usage)
  expect(await documentsIn(zerodb, other)).toEqual(others)
  await expectIntact(gateway)
  expect(job).toMatchObject({
    status: 'COMPLETED',
    progress: 292,
    targetCount: 292,
    progressPercent: 100,
    restored: before.size,
    skipped: 0,
    mismatched: 0,
    errorMessage: null,
    report: {
      versions: 292,
      bodies: { restored: 192, there: 0, replaced: 0, missing: 0 },
      history: { restored: 292, there: 0, replaced: 0, missing: 0 },
    },
  })
  expect(job.report?.restoredBytes).toBeGreaterThan(100_000)
  expect(job.report?.billedBytes).toBeGreaterThan(100_000)

  gateway.zerodb.calls.length = 0
  const again = await restore(gateway, tenant)
  expect(again).toMatchObject({ status: 'COMPLETED', restored: 0, skipped: before.size })
  expect(gateway.zerodb.calls.filter(({ operation }) => operation === 'insert')).toEqual([])
  expect(await documentsIn(zerodb, tenant)).toEqual(before)
}, 60_000)

test('a restore may be of one brand, of some contents, or of what there was up to a time', async () => {
  await using gateway = await withCopy()
  const { zerodb } = gateway.services
  const tenant = await gateway.newTenant()
  const branded = await newContent(gateway, tenant, brandOf(tenant))
  const [first, second] = await createThreeVersions(gateway, tenant, 2)
  await gateway.database.admin.query(
    `update content_versions set created_at = created_at - interval '1 hour'
     where content_id = $1 and version_number = 1`,
    [second?.databaseId],
  )
  await copyVersions(gateway, tenant.id)
  const whole = await documentsIn(zerodb, tenant)
  const contentsIn = async () =>
    new Set(Array.from(await documentsIn(zerodb, tenant), ([, row]) => row['content_id']))

  await wipe(gateway, tenant)
  const ofBrand = await restore(gateway, tenant, { brandId: brandOf(tenant).brandId })
  expect(ofBrand).toMatchObject({ status: 'COMPLETED', targetCount: 1, restored: 2 })
  expect((await contentsIn()).size).toBe(1)

  const ofContent = await restore(gateway, tenant, { contentIds: [first?.id ?? '', branded] })
  expect(ofContent).toMatchObject({ targetCount: 4, restored: 5, skipped: 2 })
  expect((await contentsIn()).has(second?.databaseId)).toBe(false)

  const asOf = new Date(Date.now() - 1_800_000).toISOString()
  const early = await restore(gateway, tenant, { asOf })
  expect(early).toMatchObject({ targetCount: 1, restored: 2 })
  await restore(gateway, tenant)
  expect(await documentsIn(zerodb, tenant)).toEqual(whole)
})

test('a dry run counts and changes nothing', async () => {
  await using gateway = await withCopy()
  const tenant = await gateway.newTenant()
  await createThreeVersions(gateway, tenant, 3)
  await copyVersions(gateway, tenant.id)
  await wipe(gateway, tenant, ({ version_number: version }) => version === 2)
  gateway.zerodb.calls.length = 0

  const job = await restore(gateway, tenant, { target: 'DRY_RUN' })

  expect(job).toMatchObject({ status: 'COMPLETED', dryRun: true, restored: 3, skipped: 12 })
  const written = gateway.zerodb.calls.filter(({ operation }) => /insert|delete/i.test(operation))
  expect(written).toEqual([])
})

test('damaged documents are replaced, and what the copy lacks too is named', async () => {
  await using gateway = await withCopy()
  const { zerodb } = gateway.services
  const tenant = await gateway.newTenant()
  const [content] = await createThreeVersions(gateway, tenant, 2)
  await copyVersions(gateway, tenant.id)
  const before = await documentsIn(zerodb, tenant)
  await newContent(gateway, tenant)
  const { rows } = await gateway.database.admin.query<{ id: string; documentId: string }>(
    `select id, document_id as "documentId" from content_versions
     where content_id = $1 order by version_number`,
    [content?.databaseId],
  )
  const [first, second] = rows
  await zerodb.setRows(tenant.id, bodyTable, [first?.documentId ?? ''], { content_body: 'Third 0' })
  await zerodb.setRows(tenant.id, 'content_versions', [second?.id ?? ''], { version_number: 9 })
  await wipe(gateway, tenant, ({ title }) => title === 'A title')

  const job = await restore(gateway, tenant)

  expect(job).toMatchObject({
    status: 'COMPLETED_WITH_ERRORS',
    restored: 2,
    mismatched: 1,
    report: {
      bodies: { restored: 1, replaced: 1, missing: 1 },
      history: { restored: 1, replaced: 1, missing: 0 },
      missing: [{ kind: 'body', reason: 'the copy has no such version' }],
    },
  })
  const after = await documentsIn(zerodb, tenant)
  for (const [name, document] of before) expect(after.get(name)).toEqual(document)
})

test('a body that the copy has only under another version comes back all the same', async () => {
  await using gateway = await withCopy()
  const { zerodb } = gateway.services
  const tenant = await gateway.newTenant()
  await createThreeVersions(gateway, tenant, 3)
  await copyVersions(gateway, tenant.id, (row) =>
    row.version === 2 ? { ...row, snapshot_id: newId() } : row,
  )
  const before = await documentsIn(zerodb, tenant)
  await wipe(gateway, tenant)

  const job = await restore(gateway, tenant)

  expect(job.report).toMatchObject({
    bodies: { restored: 6, missing: 0 },
    history: { restored: 6, missing: 3 },
  })
  const after = await documentsIn(zerodb, tenant)
  const bodies = [...before].filter(([name]) => name.startsWith(bodyTable))
  expect(bodies).toHaveLength(6)
  for (const [name, { content_body, sha256 }] of bodies) {
    expect(after.get(name)).toMatchObject({ content_body, sha256 })
  }
})
