import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { RestoreReport } from '../../../src/features/restoring/restore-report.ts'
import { copyVersions } from '../../support/copies.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import { type Program, runProgram, storesOf, temporaryDirectory } from '../../support/program.ts'
import { createThreeVersions, documentsIn, wipe } from '../../support/restores.ts'
import { newContent } from '../../support/writes.ts'

/** `gateway restore` over the stores of a gateway, with a directory of its own. */
async function openCommand(gateway: TestGateway) {
  const directory = await temporaryDirectory()
  const settings = {
    ...storesOf(gateway),
    DATA_DIR: directory.path,
    AUTH_ISSUER: 'nobody',
    AUTH_JWKS_URL: 'http://127.0.0.1:1/never-asked',
  }
  const file = join(directory.path, 'report.json')
  return {
    start: (args: string[]): Program =>
      runProgram(['restore', '--report', file, ...args], settings),
    report: async () => JSON.parse(await readFile(file, 'utf8')) as RestoreReport,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}

/** Wiped, with a copy of everything. */
async function openLoss(contents: number) {
  const gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  await createThreeVersions(gateway, tenant, contents)
  await copyVersions(gateway, tenant.id)
  const before = await documentsIn(gateway.services.zerodb, tenant)
  await wipe(gateway, tenant)
  gateway.zerodb.calls.length = 0
  return { gateway, tenant, before, [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() }
}

const insertsIn = ({ zerodb }: TestGateway) =>
  zerodb.calls.filter(({ operation }) => operation === 'insert').length

test('the command restores, reports, and exits with 0 when all is there and 1 when not', async () => {
  await using loss = await openLoss(20)
  const { gateway, tenant, before } = loss
  await using command = await openCommand(gateway)

  await using dry = command.start(['--tenant', tenant.id, '--dry-run'])
  expect(await dry.exited).toBe(0)
  expect(dry.output()).toMatch(/bodies: 40 to be put back, 0 were there, 0 missing/)
  expect(insertsIn(gateway)).toBe(0)

  await using first = command.start(['--tenant', tenant.id])
  expect(await first.exited).toBe(0)
  expect(first.output()).toMatch(/^restore [-\w]+: all is there$/m)
  expect(first.output()).toMatch(/^history entries: 60 put back, 0 were there, 0 missing$/m)
  expect(await command.report()).toMatchObject({
    tenantId: tenant.id,
    status: 'COMPLETED',
    target: 'ZERODB',
    versions: 60,
    bodies: { restored: 40, missing: 0 },
  })
  expect(await documentsIn(gateway.services.zerodb, tenant)).toEqual(before)

  await newContent(gateway, tenant)
  await wipe(gateway, tenant, ({ title }) => title === 'A title')
  await using second = command.start(['--tenant', tenant.id])
  expect(await second.exited).toBe(1)
  expect(second.output()).toMatch(
    /^missing: body [-\w]+ of content .*: the copy has no such version$/m,
  )
})

test('a command that is killed leaves no harm, and the next one goes on with its restore', async () => {
  await using loss = await openLoss(100)
  const { gateway, tenant, before } = loss
  await using command = await openCommand(gateway)
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 20 })

  await using first = command.start(['--tenant', tenant.id])
  await vi.waitUntil(() => insertsIn(gateway) > 100, { timeout: 30_000, interval: 5 })
  first.child.kill('SIGKILL')
  expect(await first.exited).toBeNull()
  expect((await documentsIn(gateway.services.zerodb, tenant)).size).toBeLessThan(before.size)

  gateway.zerodb.faults.clear()
  await using second = command.start(['--tenant', tenant.id])
  expect(await second.exited).toBe(0)
  expect(await documentsIn(gateway.services.zerodb, tenant)).toEqual(before)
  await expectIntact(gateway)
  const { rows } = await gateway.database.admin.query<{ attempts: number; status: string }>(
    `select attempts, status from restore_jobs`,
  )
  expect(rows).toEqual([{ attempts: 2, status: 'completed' }])
}, 60_000)

test('an interrupted command settles the page in hand, says how to go on, and exits with 130', async () => {
  await using loss = await openLoss(350)
  const { gateway, tenant, before } = loss
  await using command = await openCommand(gateway)
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'latency', ms: 2 })

  await using first = command.start(['--tenant', tenant.id])
  await vi.waitUntil(() => insertsIn(gateway) > 100, { timeout: 30_000, interval: 5 })
  first.child.kill('SIGINT')
  expect(await first.exited).toBe(130)
  expect(first.output()).toContain('Run the same command again: it goes on from here.')
  expect((await command.report()).versions).toBe(1_000)

  await using second = command.start(['--tenant', tenant.id])
  expect(await second.exited).toBe(0)
  expect(await command.report()).toMatchObject({ versions: 1_050, bodies: { restored: 700 } })
  expect(await documentsIn(gateway.services.zerodb, tenant)).toEqual(before)
}, 90_000)

test('the command refuses what it cannot do with exit 2, and says why', async () => {
  await using gateway = await startGateway()
  const { id } = await gateway.newTenant()
  await using command = await openCommand(gateway)
  const refusals: [args: string[], says: string][] = [
    [['--tenant', id], 'there is nothing to restore from'],
    [['--tenant', id.replace(/.$/, 'x')], 'There is no tenant'],
    [['--tenant', id, '--brand', 'tea'], 'Not an id: tea.'],
    [['--tenant', id, '--target', 'new-zerodb-project'], 'set RESTORE_ZERODB_PROJECT_ID'],
    [
      ['--tenant', id, '--target', 'new-zerodb-project', '--dry-run'],
      'A dry run looks at the project in use: leave out --target or --dry-run.',
    ],
  ]
  for (const [args, says] of refusals) {
    await using refused = command.start(args)
    expect(await refused.exited).toBe(2)
    expect(refused.output()).toContain(says)
  }
})

test('a command whose restore fails says on stderr what the log is to say', async () => {
  await using loss = await openLoss(1)
  const { gateway, tenant } = loss
  await using command = await openCommand(gateway)
  gateway.bigquery.faults.add({ operation: 'query', kind: 'status', status: 400 })

  await using failed = command.start(['--tenant', tenant.id])
  let printed = ''
  failed.child.stderr?.on('data', (text: string) => (printed += text))

  expect(await failed.exited).toBe(2)
  expect(printed).toMatch(/^\{"level":50,.*"msg":"the restore failed"\}$/m)
  expect(failed.output()).toMatch(/^restore [-\w]+: failed\. BigQuery /m)
})
