import { expect, test } from 'vitest'
import { mapLimit } from '../../../src/lib/map-limit.ts'
import { brandOf } from '../../support/contents.ts'
import { copyVersions } from '../../support/copies.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import { runProgram, storesOf, temporaryDirectory } from '../../support/program.ts'
import { documentsIn, restore, usageOf, wipe } from '../../support/restores.ts'
import {
  createMany,
  deleteOne,
  draft,
  purgeOne,
  succeeded,
  updateMany,
} from '../../support/writes.ts'

const items = 10_000
const deleted = 500
const ofBrand = 1_000
const batch = 100

const body = (item: number, version: number) => ({
  format: 'TEXT' as const,
  raw: `Item ${item} as of version ${version}. `.repeat(20 + (item % 40)),
})

/** Three versions of each, a body each; the first ones have the tenant's brand. */
async function fill(gateway: TestGateway, tenant: TestTenant): Promise<string[]> {
  const starts = Array.from({ length: items / batch }, (_, n) => n * batch)
  const ids = await mapLimit(starts, 4, async (start) => {
    const numbers = Array.from({ length: batch }, (_, n) => start + n)
    const inputs = numbers.map((item) =>
      draft({
        title: `Item ${item}`,
        body: body(item, 1),
        ...(item < ofBrand && brandOf(tenant)),
      }),
    )
    const created = await createMany(gateway, tenant, inputs)
    if (created.__typename !== 'ContentBatchSuccess') throw new Error(JSON.stringify(created))
    const made = created.results.map(({ content }) => content?.id ?? '')
    for (const version of [2, 3]) {
      const changes = made.map((id, n) => ({
        ref: { id },
        title: `Item ${start + n}, version ${version}`,
        body: body(start + n, version),
      }))
      succeeded(await updateMany(gateway, tenant, changes))
    }
    return made
  })
  return ids.flat()
}

test(
  'ten thousand contents of three versions come back from the copy, those that were deleted do not (H7)',
  { timeout: 1_200_000 },
  async () => {
    await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
    await using directory = await temporaryDirectory()
    const { zerodb } = gateway.services
    const tenant = await gateway.newTenant({ planTier: 'enterprise' })
    const ids = await fill(gateway, tenant)
    const gone = ids.slice(-deleted)
    await mapLimit(gone, 4, async (id) => succeeded(await deleteOne(gateway, tenant, { id })))
    const purged = gone.slice(0, deleted / 2)
    await mapLimit(purged, 4, async (id) => succeeded(await purgeOne(gateway, tenant, id)))
    await copyVersions(gateway, tenant.id)
    const [before, usage] = [await documentsIn(zerodb, tenant), await usageOf(gateway, tenant)]
    await wipe(gateway, tenant)

    const selective = await restore(gateway, tenant, { brandId: brandOf(tenant).brandId })
    expect(selective).toMatchObject({
      status: 'COMPLETED',
      targetCount: 3 * ofBrand,
      restored: 6 * ofBrand,
    })
    await wipe(gateway, tenant)

    const report = `${directory.path}/report.json`
    await using program = runProgram(['restore', '--tenant', tenant.id, '--report', report], {
      ...storesOf(gateway),
      DATA_DIR: directory.path,
      AUTH_ISSUER: 'nobody',
      AUTH_JWKS_URL: 'http://127.0.0.1:1/never-asked',
    })
    expect(await program.exited).toBe(0)
    // What it took is told, and asserted by nobody: it says as much of the machine.
    process.stdout.write(program.output())

    expect(await documentsIn(zerodb, tenant)).toEqual(before)
    expect(await usageOf(gateway, tenant)).toEqual(usage)
    await expectIntact(gateway)
    const again = await restore(gateway, tenant)
    expect(again).toMatchObject({ status: 'COMPLETED', restored: 0, skipped: before.size })
  },
)
