import { expect, test } from 'vitest'
import type { Finding } from '../../../src/features/recovery/finding.ts'
import { sha256 } from '../../../src/lib/bytes.ts'
import { copyVersions, loseCopies } from '../../support/copies.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { expectIntact, repair, verify } from '../../support/integrity.ts'
import { createVersions, type TestContent } from '../../support/versions.ts'
import { deleteOne, purgeOne, succeeded } from '../../support/writes.ts'

interface Scene {
  gateway: TestGateway
  tenant: TestTenant
  /** Of two versions, in the copy. */
  content: TestContent
  /** Purged, as the copy knows. */
  purged: TestContent
  /** Of one version, not in the copy yet. */
  fresh: TestContent
}

interface Plant {
  fault: string
  says: string
  /** Absent where somebody has to decide. */
  repair?: 'copy'
  plant(scene: Scene): Promise<unknown>
}

const sendAgain = ({ gateway, content }: Scene) =>
  gateway.database.admin.query(
    `update backup_outbox set backed_up_at = null, batch_id = null
     where content_id = $1 and version_number = 2`,
    [content.databaseId],
  )

const giveUp = ({ database }: TestGateway, { databaseId }: TestContent) =>
  database.admin.query(
    `update backup_outbox set quarantined_at = now(), attempts = 5, error = 'too long'
     where content_id = $1 and backed_up_at is null`,
    [databaseId],
  )

const plants: Plant[] = [
  {
    fault: 'the copy has lost a content',
    says: 'is noted as copied, and the copy lacks it',
    repair: 'copy',
    plant: ({ gateway, tenant, content }) => loseCopies(gateway, tenant.id, [content.databaseId]),
  },
  {
    fault: 'a version was copied twice',
    says: 'is in the copy 2 times',
    async plant(scene) {
      await sendAgain(scene)
      await copyVersions(scene.gateway, scene.tenant.id)
    },
  },
  {
    fault: 'a version is another in the copy',
    says: `has the SHA-256 ${sha256('?')} in the copy`,
    async plant({ gateway, tenant }) {
      const spoil = <Row>(row: Row): Row => ({ ...row, sha256: sha256('?') })
      await copyVersions(gateway, tenant.id, spoil)
    },
  },
  {
    fault: 'a version has no checksum in the copy',
    says: 'has the SHA-256 null in the copy',
    async plant({ gateway, tenant }) {
      await copyVersions(gateway, tenant.id, (row) => ({ ...row, sha256: null }))
    },
  },
  {
    fault: 'a purged content is in the copy',
    says: 'was purged, and is still in the copy',
    repair: 'copy',
    async plant({ gateway, tenant, purged, fresh }) {
      const content_id = purged.databaseId
      await copyVersions(gateway, tenant.id, (row) => ({ ...row, content_id, snapshot_id: 'x' }))
      await gateway.database.admin.query(
        `update backup_outbox set backed_up_at = null, batch_id = null where content_id = $1`,
        [fresh.databaseId],
      )
    },
  },
  {
    fault: 'a version was given up',
    says: 'was given up by the copy: too long',
    repair: 'copy',
    plant: ({ gateway, fresh }) => giveUp(gateway, fresh),
  },
  {
    fault: 'a purge was given up',
    says: 'was given up by the copy: too long',
    repair: 'copy',
    async plant({ gateway, tenant, content }) {
      succeeded(await deleteOne(gateway, tenant, { id: content.id }))
      await copyVersions(gateway, tenant.id)
      succeeded(await purgeOne(gateway, tenant, content.id))
      await giveUp(gateway, content)
    },
  },
  {
    fault: 'the copy does not know of a purge',
    says: 'was purged, and the copy does not know',
    repair: 'copy',
    async plant({ gateway, tenant }) {
      const content = await createVersions(gateway, tenant, 'unheard', ['Whatever'])
      succeeded(await deleteOne(gateway, tenant, { id: content.id }))
      succeeded(await purgeOne(gateway, tenant, content.id))
      await gateway.database.admin.query(
        `update backup_outbox set backed_up_at = now() where content_id = $1`,
        [content.databaseId],
      )
    },
  },
]

async function setScene(gateway: TestGateway): Promise<Scene> {
  const tenant = await gateway.newTenant()
  const content = await createVersions(gateway, tenant, 'kept', ['One', 'Two'])
  const purged = await createVersions(gateway, tenant, 'purged', ['Gone'])
  succeeded(await deleteOne(gateway, tenant, { id: purged.id }))
  await copyVersions(gateway, tenant.id)
  succeeded(await purgeOne(gateway, tenant, purged.id))
  await copyVersions(gateway, tenant.id)
  // Not in the copy yet, which is no finding.
  const fresh = await createVersions(gateway, tenant, 'fresh', ['New'])
  return { gateway, tenant, content, purged, fresh }
}

const sayings = (findings: readonly Finding[], { id }: TestTenant) => [
  ...new Set(
    findings.flatMap(({ tenantId, invariant, message, repair: kind }) =>
      tenantId === id ? [`${invariant} ${message} (${kind ?? 'for people'})`] : [],
    ),
  ),
]

test('every planted fault of the copy is found, and what was lost is sent again (I9)', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const scenes: Scene[] = []
  for (const _plant of plants) scenes.push(await setScene(gateway))
  await expectIntact(gateway)
  for (const [index, { plant }] of plants.entries()) await plant(scenes[index] as Scene)

  const { findings, checked } = await verify(gateway)
  const found = scenes.map(({ tenant }) => sayings(findings, tenant))
  expect(found).toEqual(
    plants.map(({ says, repair: kind }) => [`I9 ${says} (${kind ?? 'for people'})`]),
  )
  expect(checked.copies).toBeGreaterThanOrEqual(2 * plants.length)

  const repaired = await repair(gateway)
  expect(repaired.findings.filter((finding) => finding.repaired)).toHaveLength(6)
  for (const { tenant } of scenes) await copyVersions(gateway, tenant.id)
  const left = await verify(gateway)
  expect(left.findings.map(({ message }) => message)).toEqual(
    plants.filter((plant) => !plant.repair).map(({ says }) => says),
  )
})
