import { mapLimit } from '../../lib/map-limit.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import type { Recovered } from './recover-document.ts'
import type { RestoreRun } from './restore-run.ts'
import { withPatience } from './with-patience.ts'

/**
 * Writes documents into the target and answers which of them are wanted still: what was purged or has
 * expired in the meantime does not come back. May be repeated.
 */
export async function putBack(
  run: RestoreRun,
  recovered: readonly Recovered[],
): Promise<Recovered[]> {
  if (recovered.length === 0) return []
  const { target, tenantId, insertsAtOnce } = run
  const wanted = await stillWanted(run, recovered)
  await remove(
    run,
    wanted.filter(({ replaces }) => replaces),
  )
  await mapLimit(wanted, insertsAtOnce, ({ table, row }) =>
    withPatience(run, () => target.insertRow(tenantId, table, row)),
  )
  // A purge lists its documents and then deletes them: it may have been too early for these.
  const kept = new Set(await stillWanted(run, wanted))
  await remove(
    run,
    wanted.filter((document) => !kept.has(document)),
  )
  return [...kept]
}

const wantedSql = {
  [bodyTable]: `select distinct document_id as id from content_versions
    where tenant_id = $1 and document_id = any($2::uuid[]) and expired_at is null`,
  [historyTable]: `select id from content_versions
    where tenant_id = $1 and id = any($2::uuid[]) and expired_at is null`,
} as const

async function stillWanted(run: RestoreRun, recovered: readonly Recovered[]): Promise<Recovered[]> {
  const { reads, tenantId } = run
  const found = await Promise.all(
    ([bodyTable, historyTable] as const).map((table) =>
      withPatience(run, () =>
        reads.rows<{ id: string }>(wantedSql[table], [tenantId, idsIn(recovered, table)]),
      ),
    ),
  )
  const ids = new Set(found.flat().map(({ id }) => id))
  return recovered.filter(({ row }) => ids.has(row.id))
}

async function remove(run: RestoreRun, recovered: readonly Recovered[]): Promise<void> {
  const { target, tenantId } = run
  for (const table of [bodyTable, historyTable] as const) {
    const ids = idsIn(recovered, table)
    if (ids.length === 0) continue
    await withPatience(run, () => target.deleteRowsByKey(tenantId, table, ids))
  }
}

function idsIn(recovered: readonly Recovered[], wanted: Recovered['table']): string[] {
  return recovered.filter(({ table }) => table === wanted).map(({ row }) => row.id)
}
