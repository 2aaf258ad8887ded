import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import type { BackupArchive } from '../../../src/features/archives/backup-archive.entity.ts'
import { DamagedArchiveError } from '../../../src/features/archives/read-archive.ts'
import { restoreArchive } from '../../../src/features/archives/restore-archive.ts'
import { newRestored } from '../../../src/features/archives/restored-documents.ts'
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
    const counts = { documents: count, replaced: 0, unexplained: 0, damaged: 0 }
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
  await expect(refused).rejects.toThrow(/Nothing was restored from it\.$/)
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

test('what is there but is not what its version says gives way to what is', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 3)
  for (const [table, field] of [
    ['content_items', 'content_body'],
    ['content_versions', 'version_number'],
  ] as const) {
    const before = await rowsIn(gateway, tenant, table)
    const archive = await makeArchive(gateway, tenant, table)
    const [spoilt = '', lost = ''] = before.map(({ id }) => String(id))
    const { zerodb } = gateway.services
    await zerodb.setRows(tenant.id, table, [spoilt], { [field]: 'Something else' })
    await zerodb.deleteRowsByKey(tenant.id, table, [lost])
    const damaged = await rowsIn(gateway, tenant, table)

    const counts = { documents: 3, restored: 1, replaced: 1, alreadyThere: 1, damaged: 0 }
    expect(await restore(gateway, archive, true)).toMatchObject(counts)
    expect(await rowsIn(gateway, tenant, table)).toEqual(damaged)
    expect(await restore(gateway, archive)).toMatchObject(counts)
    expect(await rowsIn(gateway, tenant, table)).toEqual(before)
  }
  await expectIntact(gateway)
  const { rows } = await gateway.database.admin.query(
    `select after ->> 'replaced' as replaced from audit_events where action = 'restoreArchive'`,
  )
  expect(rows).toEqual([{ replaced: '1' }, { replaced: '1' }])
})

test('what is damaged there and in the archive stays as it is', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 2)
  const [row] = await rowsIn(gateway, tenant, 'content_items')
  const ids = [String(row?.['id'])]
  const spoil = { content_body: 'Something else' }
  await gateway.services.zerodb.setRows(tenant.id, 'content_items', ids, spoil)
  const archive = await makeArchive(gateway, tenant, 'content_items')
  const before = await rowsIn(gateway, tenant, 'content_items')

  expect(await restore(gateway, archive)).toMatchObject({ alreadyThere: 1, damaged: 1 })
  expect(await rowsIn(gateway, tenant, 'content_items')).toEqual(before)
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
  expect(wouldBe.lines.at(-1)).toMatch(
    /^3 of 3 documents would be restored, 0 that were damaged would be replaced, 0 were there/,
  )
  expect(await run(gateway, 'restore', id)).toEqual({
    code: 0,
    lines: [
      '3 of 3 documents restored, 0 that were damaged replaced, 0 were there, 0 are of no version any more and stay away, 0 are damaged in the archive and left as they are',
    ],
  })
  await expectIntact(gateway)
  expect(await filesOf(gateway, tenant)).toEqual([`${id}_${file}`])
})

test('a backup that the command does not make says who does, or that nobody does', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  const { admin } = gateway.database
  gateway.zerodb.faults.add({ operation: 'upload', kind: 'status', status: 413 })
  const prefix = `tenantId=${tenant.id} collection=content_items`

  const failed = await run(gateway, 'backup', 'content_items')
  expect(failed.lines[0]).toContain(`${prefix} failed, a worker will try again: `)
  expect(await run(gateway, 'backup', 'content_items')).toEqual({
    code: 1,
    lines: [
      `${prefix} is not made here: a worker has it, or it failed and is tried again within minutes`,
    ],
  })
  await admin.query(`update archive_runs set attempts = 5, lease_expires_at = '-infinity'`)
  expect(await run(gateway, 'backup', 'content_items')).toEqual({
    code: 1,
    lines: [
      `${prefix} was given up: its last attempt died with its worker; see why, then run this again`,
    ],
  })
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

test('a command that fails half-way says what it did, and not that it did nothing', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  // They do not pack: the archive has many parts, and is restored while the last are read.
  const noise = () => ({ format: 'TEXT' as const, raw: randomBytes(4_096).toString('base64') })
  for (const count of [95, 95])
    await createTestContents(gateway, tenant, count, () => ({ body: noise() }))
  const archive = await makeArchive(gateway, tenant, 'content_items', { partBytes: 64 * 1_024 })
  await loseRows(gateway, tenant, 'content_items')
  const parts = archive.fileIds.length
  gateway.zerodb.faults.add({ operation: 'download', kind: 'corruptBody', after: 2 * parts - 1 })

  const { code, lines } = await run(gateway, 'restore', archive.id)

  expect(code).toBe(2)
  expect(lines).toEqual([
    expect.stringMatching(/^100 of 100 documents restored, /),
    expect.stringMatching(/^Could not be done: The archive \S+ was changed while it was read\.$/),
  ])
  expect(await rowsIn(gateway, tenant, 'content_items')).toHaveLength(100)
  gateway.zerodb.faults.clear()
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'status', status: 422, after: 5 })
  const refused = await run(gateway, 'restore', archive.id)
  expect(refused.code).toBe(2)
  const [, restored] =
    /^(\d+) of 190 documents restored, .*, 100 were there/.exec(refused.lines[0] ?? '') ?? []
  expect(await rowsIn(gateway, tenant, 'content_items')).toHaveLength(100 + Number(restored))
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
