import { expect, test } from 'vitest'
import { startZeroDbServer } from '../../../src/local/zerodb/server.ts'
import { newId } from '../../../src/lib/id.ts'
import { createZeroDb, type ZeroDb } from '../../../src/platform/zerodb.ts'
import { canary } from '../../support/canaries.ts'
import { brandOf } from '../../support/contents.ts'
import { copyVersions } from '../../support/copies.ts'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { expectIntact } from '../../support/integrity.ts'
import {
  askForRestore,
  createThreeVersions,
  documentsIn,
  findRestore,
  restore,
  wipe,
  work,
} from '../../support/restores.ts'
import { deleteOne, purgeOne, succeeded } from '../../support/writes.ts'

/** A tenant whose documents are lost, with a copy of everything. */
async function openLoss(contents: number) {
  const gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
  const tenant = await gateway.newTenant()
  const made = await createThreeVersions(gateway, tenant, contents)
  await copyVersions(gateway, tenant.id)
  const before = await documentsIn(gateway.services.zerodb, tenant)
  await wipe(gateway, tenant)
  return {
    gateway,
    tenant,
    made,
    before,
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  }
}

async function ask(gateway: TestGateway, tenant: TestTenant): Promise<string> {
  const asked = await askForRestore(gateway, tenant)
  if (asked.__typename !== 'RestoreSuccess') throw new Error(JSON.stringify(asked))
  return asked.job.id
}

test('a worker that stops settles its page, and the next one goes on behind it', async () => {
  await using loss = await openLoss(20)
  const { gateway, tenant, before } = loss
  const id = await ask(gateway, tenant)
  const stop = new AbortController()
  const { zerodb } = gateway.services
  const insertRow: ZeroDb['insertRow'] = (...args) => {
    stop.abort()
    return zerodb.insertRow(...args)
  }

  await work(gateway, tenant, id, {
    signal: stop.signal,
    zerodb: { ...zerodb, insertRow },
    versionsPerPage: 25,
  })
  const halfway = await findRestore(gateway, tenant, id)
  expect(halfway).toMatchObject({ status: 'RUNNING', progress: 25, targetCount: 60 })
  expect(halfway.progressPercent).toBe(41.7)

  await work(gateway, tenant, id, { versionsPerPage: 25 })
  const done = await findRestore(gateway, tenant, id)
  expect(done).toMatchObject({ status: 'COMPLETED', progress: 60, restored: 100, skipped: 0 })
  expect(await documentsIn(gateway.services.zerodb, tenant)).toEqual(before)
})

test('a restore may be stopped as often as one likes, and is failed when it kills its workers', async () => {
  await using loss = await openLoss(3)
  const { gateway, tenant, before } = loss
  const id = await ask(gateway, tenant)
  for (let stops = 0; stops < 25; stops++) {
    await work(gateway, tenant, id, { signal: AbortSignal.abort() })
  }
  await work(gateway, tenant, id)
  expect(await findRestore(gateway, tenant, id)).toMatchObject({
    status: 'COMPLETED',
    restored: before.size,
  })

  const deadly = await ask(gateway, tenant)
  await gateway.database.admin.query(
    `update restore_jobs set status = 'running', attempts = 20, fruitless = 20,
       lease_expires_at = now() - interval '1 second' where status = 'pending'`,
  )
  await work(gateway, tenant, deadly)
  expect(await findRestore(gateway, tenant, deadly)).toMatchObject({
    status: 'FAILED',
    errorMessage: expect.stringContaining('Every worker that tried it died'),
  })
})

test('a page that is settled makes up for the workers that died before it', async () => {
  await using loss = await openLoss(3)
  const { gateway, tenant } = loss
  const { admin } = gateway.database
  const id = await ask(gateway, tenant)
  await admin.query(`update restore_jobs set attempts = 19, fruitless = 19`)
  await work(gateway, tenant, id)
  expect(await findRestore(gateway, tenant, id)).toMatchObject({ status: 'COMPLETED' })
  const { rows } = await admin.query(`select attempts, fruitless from restore_jobs`)
  expect(rows).toEqual([{ attempts: 20, fruitless: 0 }])
})

test('a neighbour that is away for a moment is waited for', async () => {
  await using loss = await openLoss(5)
  const { gateway, tenant, before } = loss
  gateway.zerodb.faults.add({ operation: 'insert', kind: 'status', status: 503, times: 6 })
  gateway.bigquery.faults.add({ operation: 'query', kind: 'status', status: 503, times: 2 })

  const job = await restore(gateway, tenant, {}, { patienceMs: 30_000 })

  expect(job).toMatchObject({ status: 'COMPLETED', restored: before.size })
  expect(await documentsIn(gateway.services.zerodb, tenant)).toEqual(before)
}, 60_000)

test('a restore fails when a neighbour stays away, says what to do, and is gone on with by another', async () => {
  await using loss = await openLoss(5)
  const { gateway, tenant, before } = loss
  const { zerodb, bigquery } = gateway
  const fail = async () => {
    const { status, errorMessage } = await restore(gateway, tenant, {}, { patienceMs: 0 })
    return { status, errorMessage }
  }

  bigquery.faults.add({ operation: 'query', kind: 'reset' })
  expect(await fail()).toEqual({
    status: 'FAILED',
    errorMessage: expect.stringMatching(/^BigQuery cannot be reached .*Restore again/),
  })
  bigquery.faults.clear()
  zerodb.faults.add({ operation: 'insert', kind: 'reset' })
  expect(await fail()).toEqual({
    status: 'FAILED',
    errorMessage: expect.stringMatching(/^ZeroDB cannot be reached .*Restore again/),
  })
  zerodb.faults.clear()

  const job = await restore(gateway, tenant, {}, { patienceMs: 30_000 })
  expect(job.status).toBe('COMPLETED')
  expect(await documentsIn(gateway.services.zerodb, tenant)).toEqual(before)
}, 60_000)

test('what is purged while it is put back does not stay', async () => {
  await using loss = await openLoss(3)
  const { gateway, tenant, made } = loss
  const [content] = made
  const ref = { id: content?.id ?? '' }
  succeeded(await deleteOne(gateway, tenant, ref))
  let purging: Promise<unknown> | undefined
  const { zerodb } = gateway.services
  const insertRow: ZeroDb['insertRow'] = async (...args) => {
    await (purging ??= purgeOne(gateway, tenant, ref.id).then(succeeded))
    return zerodb.insertRow(...args)
  }

  const job = await restore(gateway, tenant, {}, { zerodb: { ...zerodb, insertRow } })

  expect(job).toMatchObject({ restored: 10 })
  const contents = new Set(
    Array.from(await documentsIn(gateway.services.zerodb, tenant), ([, row]) => row['content_id']),
  )
  expect(contents).toEqual(new Set(made.slice(1).map(({ databaseId }) => databaseId)))
  await expectIntact(gateway)
})

test('what only the copy knows to be purged stays away, and is named', async () => {
  await using loss = await openLoss(3)
  const { gateway, tenant, made } = loss
  const [content] = made
  const id = content?.databaseId ?? ''
  // PostgreSQL comes from a backup that is older than the purge.
  const rows = ['content_items', 'content_versions', 'backup_outbox'] as const
  const { admin } = gateway.database
  const keep = (table: string) => (table === 'content_items' ? 'id' : 'content_id')
  for (const table of rows) {
    await admin.query(
      `create table saved_${table} as select * from ${table} where ${keep(table)} = '${id}'`,
    )
  }
  succeeded(await deleteOne(gateway, tenant, { id: content?.id ?? '' }))
  succeeded(await purgeOne(gateway, tenant, content?.id ?? ''))
  await copyVersions(gateway, tenant.id)
  await admin.query(`delete from backup_outbox where content_id = $1`, [id])
  await admin.query(`delete from content_tombstones where content_id = $1`, [id])
  for (const table of rows) await admin.query(`insert into ${table} select * from saved_${table}`)

  const job = await restore(gateway, tenant)

  expect(job).toMatchObject({
    status: 'COMPLETED',
    targetCount: 6,
    restored: 10,
    report: { purgedInCopy: [id], purgedInCopyCount: 1 },
  })
  const ofIt = await restore(gateway, tenant, { contentIds: [content?.id ?? ''] })
  expect(ofIt).toMatchObject({
    status: 'COMPLETED',
    targetCount: 0,
    report: { versions: 0, purgedInCopy: [id], purgedInCopyCount: 1 },
  })
  const ofOther = await restore(gateway, tenant, { contentIds: [made[1]?.id ?? ''] })
  expect(ofOther).toMatchObject({
    targetCount: 3,
    report: { purgedInCopy: [], purgedInCopyCount: 0 },
  })
  const ofBrand = await restore(gateway, tenant, { brandId: brandOf(tenant).brandId })
  expect(ofBrand.report).toMatchObject({ purgedInCopy: [], purgedInCopyCount: 0 })
})

test('another project of ZeroDB is filled, and the one in use left alone', async () => {
  await using loss = await openLoss(3)
  const { gateway, tenant, before } = loss
  const [projectId, apiKey] = [newId(), canary('new-project')]
  await using server = await startZeroDbServer({ file: ':memory:', projectId, apiKey })
  await using newZeroDbProject = createZeroDb({
    baseUrl: server.url,
    projectId,
    credential: { apiKey },
  })
  await using configured = await gateway.startTwin({ RESTORE_ZERODB_PROJECT_ID: projectId })
  expect(configured.services.newZeroDbProject).not.toBeNull()

  const job = await restore(
    configured,
    tenant,
    { target: 'NEW_ZERODB_PROJECT' },
    { newZeroDbProject },
  )

  expect(job).toMatchObject({ status: 'COMPLETED', target: 'NEW_ZERODB_PROJECT' })
  expect(await documentsIn(newZeroDbProject, tenant)).toEqual(before)
  expect((await documentsIn(gateway.services.zerodb, tenant)).size).toBe(0)
})
