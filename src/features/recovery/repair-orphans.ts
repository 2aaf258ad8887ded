import { bodyTable, historyTable } from '../content/documents.ts'
import { unexplainedSql } from './check-orphans.ts'
import { pageSize } from './each-page.ts'
import type { Finding, RepairDeps, TenantDeps } from './finding.ts'

/**
 * Deletes documents that nothing explains. An id is made for one write and noted before it is used,
 * so what is unexplained once can never be explained later; it is asked again all the same.
 */
export async function deleteOrphans(
  { zerodb, signal }: RepairDeps,
  { reads, tenantId }: TenantDeps,
  findings: readonly Finding[],
): Promise<void> {
  for (const table of [bodyTable, historyTable] as const) {
    const ids = findings
      .filter(({ subject }) => subject['table'] === table)
      .map(({ subject }) => String(subject['documentId']))
    for (let start = 0; start < ids.length; start += pageSize) {
      const asked = ids.slice(start, start + pageSize)
      const orphans = await reads.rows<{ id: string }>(unexplainedSql[table], [tenantId, asked])
      const orphanIds = orphans.map(({ id }) => id)
      await zerodb.deleteRowsByKey(tenantId, table, orphanIds, { signal })
    }
  }
}
