import { expect, test, vi } from 'vitest'
import { encodeGlobalId } from '../../../src/graphql/global-id.ts'
import { newId } from '../../../src/lib/id.ts'
import { copyVersions } from '../../support/copies.ts'
import { startGateway } from '../../support/gateway.ts'
import type { RestoreFromBackupInput } from '../../support/gql/graphql.ts'
import { askForRestore, createThreeVersions, findRestore, wipe } from '../../support/restores.ts'

test('a restore needs a copy, a time in the past, a target, and contents that are there', async () => {
  await using without = await startGateway()
  const poor = await without.newTenant()
  expect(await askForRestore(without, poor)).toMatchObject({
    __typename: 'ValidationError',
    message: expect.stringContaining('there is nothing to restore from: set BIGQUERY_PROJECT_ID'),
  })

  await using gateway = await startGateway({}, { bigquery: true })
  const [tenant, other] = [await gateway.newTenant(), await gateway.newTenant()]
  const foreign = encodeGlobalId('Brand', other.brands[0]?.id ?? '')
  const refusals: [input: Partial<RestoreFromBackupInput>, says: RegExp][] = [
    [{ asOf: '2099-01-01T00:00:00Z' }, /^input\.asOf: is in the future: 2099/],
    [
      { target: 'NEW_ZERODB_PROJECT' },
      /^input\.target: needs another project to fill: set RESTORE_/,
    ],
    [{ brandId: foreign }, /^input\.brandId: there is no such brand$/],
    [{ contentIds: [encodeGlobalId('Content', newId())] }, /^input\.contentIds: 1 of the contents/],
    [{ contentIds: [] }, /^input\.contentIds: must be 1 to 1000 ids, and has 0$/],
  ]
  for (const [input, says] of refusals) {
    expect(await askForRestore(gateway, tenant, input)).toMatchObject({
      __typename: 'ValidationError',
      message: expect.stringMatching(says),
    })
  }
  expect(await askForRestore(gateway, tenant.tokens.editor)).toMatchObject({
    __typename: 'ForbiddenError',
  })
})

test('one restore of a tenant at a time is taken, is in the audit, and ends by itself', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const [tenant, other] = [await gateway.newTenant(), await gateway.newTenant()]
  await createThreeVersions(gateway, tenant, 2)
  await copyVersions(gateway, tenant.id)
  await wipe(gateway, tenant)

  const answers = await Promise.all(
    Array.from({ length: 3 }, () => askForRestore(gateway, tenant, { target: 'DRY_RUN' })),
  )
  const elsewhere = await askForRestore(gateway, other)

  const names = answers.map(({ __typename }) => __typename).toSorted()
  expect(names).toEqual(['ConcurrencyLimitError', 'ConcurrencyLimitError', 'RestoreSuccess'])
  expect(answers.find(({ __typename }) => __typename === 'ConcurrencyLimitError')).toMatchObject({
    message:
      '1 jobs are not over yet, and 1 are allowed at a time. Wait until the restore is over.',
  })
  expect(elsewhere.__typename).toBe('RestoreSuccess')
  const { rows } = await gateway.database.admin.query<{ after: object }>(
    `select after from audit_events where tenant_id = $1 and action = 'restoreFromBackup'`,
    [tenant.id],
  )
  expect(rows).toEqual([{ after: expect.objectContaining({ target: 'dry_run', contents: null }) }])
  const job = answers.find(({ __typename }) => __typename === 'RestoreSuccess')
  const id = job?.__typename === 'RestoreSuccess' ? job.job.id : ''
  expect(await findRestore(gateway, tenant, id)).toMatchObject({
    status: 'PENDING',
    progressPercent: 0,
    report: null,
    createdBy: { id: encodeGlobalId('User', tenant.users[0]?.id ?? '') },
  })

  await using _worker = await gateway.startWorker()
  await vi.waitFor(
    async () =>
      expect(await findRestore(gateway, tenant, id)).toMatchObject({ status: 'COMPLETED' }),
    { timeout: 20_000 },
  )
  expect(await findRestore(gateway, tenant, id)).toMatchObject({ restored: 10, dryRun: true })
})

test('a restore whose worker has died is rung for again', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const asked = await askForRestore(gateway, tenant)
  const id = asked.__typename === 'RestoreSuccess' ? asked.job.id : ''
  const { admin } = gateway.database
  await admin.query(`update restore_jobs set status = 'running', attempts = 1,
    lease_expires_at = now() - interval '1 second'`)
  await admin.query(`delete from pgboss.job`)

  await using _worker = await gateway.startWorker()

  await vi.waitFor(
    async () =>
      expect(await findRestore(gateway, tenant, id)).toMatchObject({
        status: 'COMPLETED',
        progressPercent: 100,
      }),
    { timeout: 20_000 },
  )
})
