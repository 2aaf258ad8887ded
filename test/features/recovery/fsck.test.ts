import { expect, test } from 'vitest'
import { decodeGlobalId } from '../../../src/graphql/global-id.ts'
import { createTestContents } from '../../support/contents.ts'
import { copyVersions, loseCopies } from '../../support/copies.ts'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { runProgram, storesOf } from '../../support/program.ts'

/** The command over the stores of `gateway`: what it printed on both streams, and its exit code. */
async function fsck(gateway: TestGateway, args: string[] = [], env = {}) {
  await using program = runProgram(['fsck', ...args], {
    ...storesOf(gateway),
    AUTH_ISSUER: 'nobody',
    AUTH_JWKS_URL: 'http://127.0.0.1:1/never-asked',
    ...env,
  })
  const code = await program.exited
  return { code, lines: program.output().trimEnd().split('\n') }
}

test('fsck counts what it checked and exits with 0 when all is well', async () => {
  await using gateway = await startGateway()
  await createTestContents(gateway, await gateway.newTenant(), 100)
  await createTestContents(gateway, await gateway.newTenant(), 1)

  const { code, lines } = await fsck(gateway)

  const summary =
    /^checked 101 contents, 101 versions, 202 documents, no recovery copy in \d+\.\d s: clean$/
  expect(lines).toEqual([expect.stringMatching(summary)])
  expect(code).toBe(0)
})

test('fsck prints a line for each violation, for machines too, and exits with 1', async () => {
  await using gateway = await startGateway()
  const [tenant, other] = [await gateway.newTenant(), await gateway.newTenant()]
  for (const one of [tenant, other]) await createTestContents(gateway, one, 3)
  const { rows } = await gateway.database.admin.query<{ id: string }>(
    `delete from backup_outbox where tenant_id = $1 returning content_id as id`,
    [tenant.id],
  )

  const words = await fsck(gateway, ['--tenant', tenant.id])
  const json = await fsck(gateway, ['--json'])
  const elsewhere = await fsck(gateway, ['--tenant', other.id])

  expect(words.code).toBe(1)
  expect(words.lines.slice(0, -1).toSorted()).toEqual(
    rows
      .map(({ id }) => `I4 tenantId=${tenant.id} contentId=${id} versionNumber=1 versionId=`)
      .toSorted()
      .map((start) => expect.stringContaining(start)),
  )
  expect(words.lines.at(-1)).toMatch(
    /^checked 3 contents, .*: 3 violations; --repair puts 3 right$/,
  )
  expect(json.code).toBe(1)
  const objects = json.lines.map((line) => JSON.parse(line) as object)
  expect(objects.slice(0, -1)).toHaveLength(3)
  expect(objects[0]).toMatchObject({ invariant: 'I4', tenantId: tenant.id, repair: 'outbox' })
  expect(objects.at(-1)).toMatchObject({
    contents: 6,
    documents: 12,
    copies: null,
    violations: 3,
    repaired: 0,
  })
  expect(elsewhere.code).toBe(0)
})

test('fsck --repair says what it put right, and exits with 1 as long as anything is left', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 3)
  const { admin } = gateway.database
  await admin.query(`update content_storage_usage set total_storage_bytes = 0`)
  const { rows } = await admin.query<{ id: string }>(
    `delete from backup_outbox where content_id = $1 returning content_id as id`,
    [decodeGlobalId(id).id],
  )
  expect(rows).toHaveLength(1)
  await admin.query(`update content_items set sha256 = 'x' where id = $1`, [decodeGlobalId(id).id])

  const first = await fsck(gateway, ['--repair'])
  const second = await fsck(gateway, ['--repair', '--json'])
  await admin.query(
    `update content_items c set sha256 = v.sha256 from content_versions v
     where v.tenant_id = c.tenant_id and v.content_id = c.id`,
  )
  await admin.query(`update content_storage_usage set total_content_items = 0`)
  const third = await fsck(gateway, ['--repair'])

  expect(first.code).toBe(1)
  expect(first.lines.slice(0, -1).toSorted()).toEqual([
    expect.stringMatching(
      /^I1 .* sha256 differ from those of version 1 \(`gateway restore` or .*\)$/,
    ),
    expect.stringMatching(/^I2 .* counter=total_storage_bytes: says 0; .* \(repaired\)$/),
    expect.stringMatching(/^I4 .*: has no outbox event \(repaired\)$/),
  ])
  expect(first.lines.at(-1)).toMatch(/^checked 3 contents, .*: 3 violations, 2 repaired$/)
  expect(second.code).toBe(1)
  expect(JSON.parse(second.lines.at(-1) ?? '')).toMatchObject({ violations: 1, repaired: 0 })
  expect(third.code).toBe(0)
  expect(third.lines.at(-1)).toMatch(/: 1 violation, all repaired$/)
})

test('fsck looks at the recovery copy where there is one, and lets what it has lost travel again', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [id = ''] = await createTestContents(gateway, tenant, 3)
  await copyVersions(gateway, tenant.id)
  const whole = await fsck(gateway)
  await loseCopies(gateway, tenant.id, [decodeGlobalId(id).id])

  const lost = await fsck(gateway)
  const repaired = await fsck(gateway, ['--repair', '--json'])
  await copyVersions(gateway, tenant.id)
  const again = await fsck(gateway, ['--json'])

  expect(whole.code).toBe(0)
  expect(whole.lines).toEqual([expect.stringMatching(/, 6 documents, 3 copies in .*: clean$/)])
  expect(lost.code).toBe(1)
  expect(lost.lines[0]).toMatch(
    /^I9 .*: is noted as copied, and the copy lacks it \(can be repaired\)$/,
  )
  expect(repaired.code).toBe(0)
  expect(JSON.parse(again.lines[0] ?? '')).toMatchObject({ copies: 3, violations: 0 })
})

test('fsck exits with 2 when it could not check, and says why', async () => {
  await using gateway = await startGateway()
  const { id } = await gateway.newTenant()
  const away = 'http://127.0.0.1:1'

  const noZeroDb = await fsck(gateway, [], { ZERODB_API_URL: away })
  const noTenant = await fsck(gateway, ['--tenant', id.replace(/.$/, 'x')])
  const noConfig = await fsck(gateway, [], { ZERODB_API_URL: 'somewhere' })

  expect(noZeroDb).toEqual({ code: 2, lines: [expect.stringContaining('Could not check: ZeroDB')] })
  expect(noTenant.code).toBe(2)
  expect(noTenant.lines).toEqual([expect.stringContaining('Could not check: There is no tenant')])
  expect(noConfig.code).toBe(2)
  expect(noConfig.lines.join('\n')).toContain('ZERODB_API_URL=')
})
