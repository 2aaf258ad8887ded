import { removePurged } from '../../src/features/backup/copy-queries.ts'
import {
  type CopiedPurge,
  type CopiedVersion,
  purgeRow,
  snapshotRow,
} from '../../src/features/backup/snapshot-row.ts'
import { bodyTable, historyTable } from '../../src/features/content/documents.ts'
import { newId } from '../../src/lib/id.ts'
import type { BigQuery } from '../../src/platform/bigquery.ts'
import {
  type SnapshotRow,
  snapshotTable,
} from '../../src/platform/recovery-copy/snapshot-tables.ts'
import type { TestGateway } from './gateway.ts'

type Store = Pick<TestGateway, 'database' | 'services'>

const versionsSql = `
  select v.id as "versionId", v.content_id as "contentId", v.version_number as "versionNumber",
    v.change_type = 'delete' as "isDeletion", v.document_id as "documentId", v.sha256,
    v.size_bytes::integer as "sizeBytes", v.created_at as "createdAt", c.user_id as "userId",
    c.version_of as "versionOf", c.created_at as "contentCreatedAt", v.tenant_id as "tenantId"
  from backup_outbox o
    join content_versions v on v.tenant_id = o.tenant_id and v.content_id = o.content_id
      and v.version_number = o.version_number
    join content_items c on c.tenant_id = v.tenant_id and c.id = v.content_id
  where o.tenant_id = $1 and o.operation <> 'purge' and o.backed_up_at is null
  order by v.id`

const purgesSql = `
  select o.id as "eventId", o.content_id as "contentId", o.tenant_id as "tenantId",
    t.last_version as "lastVersion", t.created_at as "purgedAt"
  from backup_outbox o
    join content_tombstones t on t.tenant_id = o.tenant_id and t.content_id = o.content_id
  where o.tenant_id = $1 and o.operation = 'purge' and o.backed_up_at is null`

/**
 * Brings everything of a tenant that waits for the copy there, at once, `change` being how it is spoiled on
 * the way; answers how many rows.
 */
export async function copyVersions(
  gateway: Store,
  tenantId: string,
  change = (row: SnapshotRow): SnapshotRow => row,
): Promise<number> {
  const { admin } = gateway.database
  const { rows: versions } = await admin.query<CopiedVersion>(versionsSql, [tenantId])
  const { rows: purges } = await admin.query<CopiedPurge>(purgesSql, [tenantId])
  const batch = { batchId: newId(), now: new Date() }
  const rows = [
    ...(await rowsOf(gateway, tenantId, versions, batch)),
    ...purges.map((purge) => purgeRow(purge, batch)),
  ]
  await loadRows(gateway, rows.map(change))
  await loseCopies(
    gateway,
    tenantId,
    purges.map(({ contentId }) => contentId),
  )
  await admin.query(
    `update backup_outbox set backed_up_at = now() where tenant_id = $1 and backed_up_at is null`,
    [tenantId],
  )
  return rows.length
}

async function rowsOf(
  { services: { zerodb } }: Store,
  tenantId: string,
  versions: readonly CopiedVersion[],
  batch: { batchId: string; now: Date },
): Promise<SnapshotRow[]> {
  const documentIds = versions.map(({ documentId }) => documentId)
  const versionIds = versions.map(({ versionId }) => versionId)
  const bodies = await zerodb.getRowsByKey(tenantId, bodyTable, documentIds)
  const entries = await zerodb.getRowsByKey(tenantId, historyTable, versionIds)
  return versions.map((version) => {
    const [body, entry] = [bodies.get(version.documentId), entries.get(version.versionId)]
    if (!body || !entry) throw new Error(`ZeroDB lacks version ${version.versionId}`)
    return snapshotRow(version, body, entry, batch)
  })
}

async function loadRows(gateway: Store, rows: readonly SnapshotRow[]): Promise<void> {
  if (rows.length === 0) return
  const body = rows.map((row) => Buffer.from(`${JSON.stringify(row)}\n`))
  const job = { id: `test_${newId()}`, body, maxBadRecords: 0 }
  await bigqueryOf(gateway).load(snapshotTable, job, AbortSignal.timeout(60_000))
}

/** Takes the versions of these contents out of the copy. */
export async function loseCopies(
  gateway: Store,
  tenantId: string,
  contents: readonly string[],
): Promise<void> {
  if (contents.length === 0) return
  await bigqueryOf(gateway).query(removePurged, { tenantId, ...anyDay }, { contents })
}

/** Every day that a test's rows can be of. */
const anyDay = { from: new Date('2000-01-01'), to: new Date('2100-01-01') }

function bigqueryOf({ services: { bigquery } }: Store): BigQuery {
  if (!bigquery) throw new Error('The gateway was started without BigQuery')
  return bigquery
}
