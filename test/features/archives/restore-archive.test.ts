import { expect, test, vi } from 'vitest'
import type { BackupArchive } from '../../../src/features/archives/backup-archive.entity.ts'
import { DamagedArchiveError } from '../../../src/features/archives/read-archive.ts'
import { newRestored, restoreArchive } from '../../../src/features/archives/restore-archive.ts'
import { newId } from '../../../src/lib/id.ts'
import type { Fault } from '../../../src/local/faults.ts'
import { filesOf, loseRows, makeArchive, rowsIn } from '../../support/archives.ts'
import { createTestContents } from '../../support/contents.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import { runProgram, storesOf } from '../../support/program.ts'
import { createVersions } from '../../support/versions.ts'
import { deleteOne, purgeOne } from '../../support/writes.ts'

async function restore(gateway: TestGateway, archive: BackupArchive, dryRun = false) {
  const restored = newRestored()
  const deps = { ...gateway.services, signal: AbortSignal.timeout(60_000) }
  await restoreArchive(deps, archive, { dryRun, restored })
  return restored
}

async function purge(gateway: TestGateway, tenant: Parameters<typeof rowsIn>[1], id: string) {
  await deleteOne(gateway, tenant, { id })
  await purgeOne(gateway, tenant, id)
}

test('lost documents come back exactly, and a second run changes nothing', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createVersions(gateway, tenant, 'one', ['1', '22', '22', 'x'.repeat(50_000)])
  await createTestContents(gateway, tenant, 100)
  const before = {
    content_items: await rowsIn(gateway, tenant, 'content_items'),
    content_versions: await rowsIn(gateway, tenant, 'content_versions'),
  }
  for (const table of ['content_items', 'content_versions'] as const) {
    const count = before[table].length
    const archive = await makeArchive(gateway, tenant, table, { partBytes: 1_024 })
    expect(archive.documentCount).toBe(count)
    const counts = { documents: count, unexplained: 0, damaged: 0 }
    const there = { ...counts, restored: 0, alreadyThere: count }
    expect(await restore(gateway, archive)).toEqual(there)

    await loseRows(gateway, tenant, table)
    const restored = { ...counts, restored: count, alreadyThere: 0 }
    expect(await restore(gateway, archive, true)).toEqual(restored)
    expect(await rowsIn(gateway, tenant, table)).toEqual([])
    expect(await restore(gateway, archive)).toEqual(restored)
    expect(await rowsIn(gateway, tenant, table)).toEqual(before[table])
    gateway.zerodb.calls.length = 0
    expect(await restore(gateway, archive)).toEqual(there)
    expect(gateway.zerodb.calls.filter(({ operation }) => operation === 'insert')).toEqual([])
  }
  await expectIntact(gateway)
  const { rows } = await gateway.database.admin.query(
    `select after ->> 'restored' as restored from audit_events where action = 'restoreArchive'
     order by id`,
  )
  expect(rows).toEqual([{ restored: '103' }, { restored: '104' }])
})

test('what was purged since, or never committed, stays away', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [purged = ''] = await createTestContents(gateway, tenant, 4)
  const orphan = { id: newId(), title: 'Of no version' }
  await gateway.services.zerodb.insertRow(tenant.id, 'content_items', orphan)
  const archives = [
    await makeArchive(gateway, tenant, 'content_items'),
    await makeArchive(gateway, tenant, 'content_versions'),
  ]
  await gateway.services.zerodb.deleteRowsByKey(tenant.id, 'content_items', [orphan.id])
  await purge(gateway, tenant, purged)
  await loseRows(gateway, tenant, 'content_items')
  await loseRows(gateway, tenant, 'content_versions')

  const [bodies, history] = [
    await restore(gateway, archives[0] as BackupArchive),
    await restore(gateway, archives[1] as BackupArchive),
  ]

  expect(bodies).toMatchObject({ documents: 5, restored: 3, unexplained: 2 })
  // A deletion is a version, and is written after the archive.
  expect(history).toMatchObject({ documents: 4, restored: 3, unexplained: 1 })
  await expectIntact(gateway)
})

test('what is purged while it is being put back goes again', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [purged = ''] = await createTestContents(gateway, tenant, 1)
  const archive = await makeArchive(gateway, tenant, 'content_items')
  await loseRows(gateway, tenant, 'content_items')
  gateway.zerodb.calls.length = 0
  // Not yet applied when the purge looks for what to delete.
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 1_500, times: 1 })

  const restoring = restore(gateway, archive)
  await vi.waitUntil(() => gateway.zerodb.calls.some(({ operation }) => operation === 'insert'))
  await purge(gateway, tenant, purged)

  expect(await restoring).toMatchObject({ restored: 0, unexplained: 1 })
  expect(await rowsIn(gateway, tenant, 'content_items')).toEqual([])
})

const damages: readonly (readonly [string, Fault, RegExp])[] = [
  ['altered', { operation: 'download', kind: 'corruptBody' }, /SHA-256|cannot be read/],
  ['gone', { operation: 'file', kind: 'status', status: 404 }, /lacks its file/],
]

test.each(damages)('of an archive that is %s nothing is restored', async (_what, fault, says) => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 20)
  const archive = await makeArchive(gateway, tenant, 'content_items', { partBytes: 512 })
  await loseRows(gateway, tenant, 'content_items')
  // The last part, when it would be too late.
  const after = archive.fileIds.length - 1
  const operation = fault.operation as 'download' | 'file'
  gateway.zerodb.faults.add({ ...fault, operation, after })

  const refused = restore(gateway, archive)

  await expect(refused).rejects.toBeInstanceOf(DamagedArchiveError)
  await expect(refused).rejects.toThrow(says)
  expect(await rowsIn(gateway, tenant, 'content_items')).toEqual([])
})

test('an archive whose row says something else is refused', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const other = await gateway.newTenant()
  await createTestContents(gateway, tenant, 2)
  const archive = await makeArchive(gateway, tenant, 'content_items')
  const complaints = [
    [{ sha256: 'f'.repeat(64) }, /has \d+ bytes and the SHA-256/],
    [{ documentCount: 3 }, /holds 2 documents, not 3/],
    [{ collection: 'content_versions' }, /is not of content_versions/],
    [{ fileIds: [] }, /cannot be read/],
  ] as const
  for (const [fields, says] of complaints) {
    const altered = Object.assign(Object.create(archive) as BackupArchive, fields)
    await expect(restore(gateway, altered)).rejects.toThrow(says)
  }
  const stolen = Object.assign(Object.create(archive) as BackupArchive, { tenantId: other.id })
  await expect(restore(gateway, stolen)).rejects.toMatchObject({ failure: 'malformed' })
})

test('a document that is not what its version says stays away', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 3)
  for (const [table, field] of [
    ['content_items', 'content_body'],
    ['content_versions', 'version_number'],
  ] as const) {
    const [row] = await rowsIn(gateway, tenant, table)
    const ids = [String(row?.['id'])]
    await gateway.services.zerodb.setRows(tenant.id, table, ids, { [field]: 'Something else' })
    const archive = await makeArchive(gateway, tenant, table)
    await loseRows(gateway, tenant, table)
    expect(await restore(gateway, archive)).toMatchObject({ restored: 2, damaged: 1 })
  }
})

test('a restore that ZeroDB interrupts is ended by the next', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 30)
  const archive = await makeArchive(gateway, tenant, 'content_items')
  await loseRows(gateway, tenant, 'content_items')
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'status', status: 422, after: 10 })

  await expect(restore(gateway, archive)).rejects.toMatchObject({ failure: 'rejected' })
  gateway.zerodb.faults.clear()
  const { restored, alreadyThere } = await restore(gateway, archive)

  expect(alreadyThere).toBeGreaterThanOrEqual(10)
  expect(restored + alreadyThere).toBe(30)
  await expectIntact(gateway)
})

/** The command over the stores of `gateway`. */
function startCommand(gateway: TestGateway, args: readonly string[]) {
  return runProgram(['archive', ...args], {
    ...storesOf(gateway),
    AUTH_ISSUER: 'nobody',
    AUTH_JWKS_URL: 'http://127.0.0.1:1/never-asked',
  })
}

/** What it printed on both streams, and its exit code. */
async function run(gateway: TestGateway, ...args: string[]) {
  await using program = startCommand(gateway, args)
  const code = await program.exited
  return { code, lines: program.output().trimEnd().split('\n') }
}

test('the commands make, list and restore archives, and say what they did', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await gateway.newTenant()
  await createTestContents(gateway, tenant, 3)

  const made = await run(gateway, 'backup', '--tenant', tenant.id, 'content_items')
  expect(made.code).toBe(0)
  const line = new RegExp(
    `^tenantId=${tenant.id} collection=content_items archive=(\\S+) file=(\\S+) bytes=\\d+: 3 documents$`,
  )
  expect(made.lines).toEqual([expect.stringMatching(line)])
  const [, id = '', file = ''] = line.exec(made.lines[0] ?? '') ?? []

  const listed = await run(gateway, 'list')
  expect(listed.lines).toEqual([
    expect.stringMatching(
      new RegExp(
        `^archive=${id} tenantId=${tenant.id} file=${file} documents=3 bytes=\\d+ expires=`,
      ),
    ),
  ])

  await loseRows(gateway, tenant, 'content_items')
  const wouldBe = await run(gateway, 'restore', id, '--dry-run')
  expect(wouldBe.lines.at(-1)).toMatch(/^3 of 3 documents would be restored, 0 were there/)
  expect(await run(gateway, 'restore', id)).toEqual({
    code: 0,
    lines: [
      '3 of 3 documents restored, 0 were there, 0 are of no version any more and stay away, 0 are not what their version says and stay away',
    ],
  })
  await expectIntact(gateway)
  expect(await filesOf(gateway, tenant)).toEqual([`${id}_${file}`])
})

test('what a command could not do exits with 2, what it could not do whole with 1', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 3)
  const nobody = newId()

  expect(await run(gateway, 'restore', nobody)).toEqual({
    code: 2,
    lines: [`Could not be done: There is no archive ${nobody}: see gateway archive list.`],
  })
  const unknown = await run(gateway, 'backup', 'payments')
  expect(unknown).toMatchObject({ code: 2, lines: [expect.stringContaining('has no payments')] })
  const archive = await makeArchive(gateway, tenant, 'content_items')
  await loseRows(gateway, tenant, 'content_items')
  const poor = await run(gateway, 'backup', 'content_items')
  expect(poor).toMatchObject({ code: 1, lines: [expect.stringContaining('3 that are missing')] })
  gateway.zerodb.faults.add({ operation: 'download', kind: 'corruptBody' })
  const damaged = await run(gateway, 'restore', archive.id)
  expect(damaged.code).toBe(2)
  expect(damaged.lines[0]).toMatch(/^Could not be done: The archive .* Nothing was restored/)
})

test('a restore that is interrupted says so, and the next one ends it', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 60)
  const archive = await makeArchive(gateway, tenant, 'content_items')
  await loseRows(gateway, tenant, 'content_items')
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'hang', after: 20 })
  await using program = startCommand(gateway, ['restore', archive.id])
  gateway.zerodb.calls.length = 0
  const inserts = () => gateway.zerodb.calls.filter(({ operation }) => operation === 'insert')
  await vi.waitUntil(() => inserts().length > 20, { timeout: 15_000 })
  program.child.kill('SIGINT')

  expect(await program.exited).toBe(130)
  expect(program.output()).toContain('Interrupted; the same command goes on.')
  gateway.zerodb.faults.clear()
  const { restored, alreadyThere } = await restore(gateway, archive)
  expect(alreadyThere).toBeGreaterThanOrEqual(20)
  expect(restored + alreadyThere).toBe(60)
  await expectIntact(gateway)
})
