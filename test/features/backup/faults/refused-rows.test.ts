import { expect, test } from 'vitest'
import { watchBackup } from '../../../../src/features/backup/watch-backup.ts'
import { bodyTable, historyTable } from '../../../../src/features/content/documents.ts'
import { startGateway, type TestGateway } from '../../../support/gateway.ts'
import { graphql } from '../../../support/gql/gql.ts'
import { expectIntact } from '../../../support/integrity.ts'
import { plantContents } from '../../../support/planted.ts'
import { complaintsAbout, passRelayTime, relay } from '../../../support/relay.ts'
import { alertsOf } from '../../quota/plants.ts'

const syncDocument = graphql(`
  mutation TryRefusedRowsAgain {
    runBackupSync {
      ... on OpsSuccess {
        message
        backup {
          unsyncedCount
          refusedCount
        }
      }
    }
  }
`)

interface Event {
  contentId: string
  attempts: number
  backedUp: boolean
  quarantined: boolean
  error: string | null
}

/** Events that are not in the copy, in the order of their contents. */
async function unsynced({ database }: TestGateway): Promise<Event[]> {
  const { rows } = await database.admin.query<Event>(
    `select content_id as "contentId", attempts, backed_up_at is not null as "backedUp",
       quarantined_at is not null as quarantined, error
     from backup_outbox where backed_up_at is null order by content_id`,
  )
  return rows
}

test('a bad row holds up no other, is put aside after five attempts, and comes when it is mended', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' }, { bigquery: true })
  const { zerodb } = gateway.services
  const tenant = await gateway.newTenant()
  const ids = await plantContents(gateway, tenant, { contents: 1_000 })
  const [bodiless, spoilt, headless] = ids as [string, string, string]
  const { rows: versions } = await gateway.database.admin.query<{
    id: string
    contentId: string
    documentId: string
  }>(`select id, content_id as "contentId", document_id as "documentId" from content_versions`)
  const versionOf = (id: string) => versions.find(({ contentId }) => contentId === id)
  const lost = [versionOf(bodiless)?.documentId ?? '', versionOf(headless)?.id ?? ''] as const
  const spoiltId = versionOf(spoilt)?.documentId ?? ''
  const bodies = await zerodb.getRowsByKey(tenant.id, bodyTable, [lost[0], spoiltId])
  const entries = await zerodb.getRowsByKey(tenant.id, historyTable, [lost[1]])
  await zerodb.deleteRowsByKey(tenant.id, bodyTable, [lost[0]])
  await zerodb.deleteRowsByKey(tenant.id, historyTable, [lost[1]])
  const { content_body } = bodies.get(spoiltId) ?? {}
  const changed = String(content_body).replace('Body', 'BODY')
  await zerodb.setRows(tenant.id, bodyTable, [spoiltId], { content_body: changed })
  // Of every file the first row.
  gateway.bigquery.faults.add({ operation: 'load', kind: 'badRows' })

  await relay(gateway)
  const after = await unsynced(gateway)
  expect(after.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1])
  const bad = after.map(({ contentId }) => contentId)
  const [refusedId = '', ...others] = bad.filter((id) => ![bodiless, spoilt, headless].includes(id))
  expect(others).toEqual([])
  for (let cycle = 2; cycle <= 5; cycle++) {
    await passRelayTime(gateway)
    await relay(gateway)
    const isOver = cycle === 5
    expect(await unsynced(gateway)).toMatchObject(
      bad.map(() => ({ attempts: cycle, quarantined: isOver, backedUp: false })),
    )
  }
  const errors = Object.fromEntries(
    (await unsynced(gateway)).map(({ contentId, error }) => [contentId, error]),
  )
  expect(errors).toEqual({
    [refusedId]: 'BigQuery refused its row',
    [bodiless]: `its body document ${lost[0]} is missing`,
    [spoilt]: `its body document ${spoiltId} has another SHA-256`,
    [headless]: `its history entry ${lost[1]} is missing`,
  })

  await watchBackup({ ...gateway.services, signal: AbortSignal.timeout(10_000) })
  const failed = { kind: 'SYNC_FAILED', value: '4 changes given up' }
  expect(await alertsOf(gateway, tenant)).toMatchObject([{ ...failed, resolved: false }])
  gateway.bigquery.calls.length = 0
  await passRelayTime(gateway)
  await relay(gateway)
  expect(gateway.bigquery.calls).toEqual([])

  const [body] = [bodies.get(lost[0])]
  await zerodb.insertRow(tenant.id, bodyTable, { ...body, id: lost[0] })
  await zerodb.insertRow(tenant.id, historyTable, { ...entries.get(lost[1]), id: lost[1] })
  await zerodb.setRows(tenant.id, bodyTable, [spoiltId], { content_body })
  gateway.bigquery.faults.clear()
  const { data } = await gateway.query(tenant, syncDocument)
  expect(data?.runBackupSync).toEqual({
    message: '4 changes leave for the copy with the next batch, 4 of them again.',
    backup: { unsyncedCount: 4, refusedCount: 0 },
  })
  await relay(gateway)

  expect(await unsynced(gateway)).toEqual([])
  expect(await complaintsAbout(gateway, [tenant])).toEqual([])
  await watchBackup({ ...gateway.services, signal: AbortSignal.timeout(10_000) })
  expect(await alertsOf(gateway, tenant)).toMatchObject([{ ...failed, resolved: true }])
  await expectIntact(gateway)
})

test('of a version whose retention was over before it was copied nothing is owed', async () => {
  await using gateway = await startGateway({}, { bigquery: true })
  const tenant = await gateway.newTenant()
  const [id] = await plantContents(gateway, tenant, { contents: 1, versions: 2 })
  const { rows } = await gateway.database.admin.query<{ id: string; documentId: string }>(
    `update content_versions set expired_at = now(), documents_removed_at = now()
     where content_id = $1 and version_number = 1 returning id, document_id as "documentId"`,
    [id],
  )
  const [version] = rows
  const { zerodb } = gateway.services
  await zerodb.deleteRowsByKey(tenant.id, bodyTable, [version?.documentId ?? ''])
  await zerodb.deleteRowsByKey(tenant.id, historyTable, [version?.id ?? ''])

  await relay(gateway)

  expect(await unsynced(gateway)).toEqual([])
})
