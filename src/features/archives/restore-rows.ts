import { mapLimit } from '../../lib/map-limit.ts'
import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { NewRow, RowData, ZeroDb } from '../../platform/zerodb.ts'
import type { DocumentTable } from '../content/queued-documents.ts'
import { findVersions, isOf } from './find-versions.ts'
import type { RestoredDocuments } from './restored-documents.ts'

export interface TenantRestore {
  zerodb: ZeroDb
  signal: AbortSignal
  tenantId: string
  reads: TenantReads
  collection: DocumentTable
  dryRun: boolean
}

/** Inserts of a chunk that are under way at a time. */
const insertsAtOnce = 8

/** What the archive has of a version, and what becomes of it. */
interface Wanted {
  row: NewRow
  as: 'restored' | 'replaced'
}

/** Restores what the archive has in `rows`, and counts it. In a dry run it only counts. */
export async function restoreRows(
  deps: TenantRestore,
  rows: readonly RowData[],
  restored: RestoredDocuments,
): Promise<void> {
  const { zerodb, tenantId, collection, signal } = deps
  signal.throwIfAborted()
  const ids = rows.map(({ id }) => String(id))
  const explained = await findVersions(deps, collection, ids)
  const there = await zerodb.getRowsByKey(tenantId, collection, [...explained.keys()], { signal })
  const wanted: Wanted[] = []
  for (const row of rows) {
    const id = String(row['id'])
    const version = explained.get(id)
    const present = there.get(id)
    restored.documents++
    if (!version) restored.unexplained++
    else if (present && (await isOf(version, collection, present))) restored.alreadyThere++
    else if (!(await isOf(version, collection, row))) restored.damaged++
    else wanted.push({ row: { ...row, id }, as: present ? 'replaced' : 'restored' })
  }
  if (deps.dryRun) for (const { as } of wanted) restored[as]++
  else await writeRows(deps, wanted, restored)
}

/** Whoever purged or expired one meanwhile did not find it there to delete: it goes again. */
async function writeRows(
  deps: TenantRestore,
  wanted: readonly Wanted[],
  restored: RestoredDocuments,
): Promise<void> {
  if (wanted.length === 0) return
  const { zerodb, tenantId, collection, signal } = deps
  await deleteRows(
    deps,
    wanted.filter(({ as }) => as === 'replaced'),
  )
  await mapLimit(wanted, insertsAtOnce, async ({ row, as }) => {
    await zerodb.insertRow(tenantId, collection, row, { signal })
    restored[as]++
  })
  const ids = wanted.map(({ row }) => row.id)
  const explained = await findVersions(deps, collection, ids)
  const gone = wanted.filter(({ row }) => !explained.has(row.id))
  await deleteRows(deps, gone)
  for (const { as } of gone) restored[as]--
  restored.unexplained += gone.length
}

async function deleteRows(
  { zerodb, tenantId, collection, signal }: TenantRestore,
  wanted: readonly Wanted[],
): Promise<void> {
  if (wanted.length === 0) return
  const ids = wanted.map(({ row }) => row.id)
  await zerodb.deleteRowsByKey(tenantId, collection, ids, { signal })
}
