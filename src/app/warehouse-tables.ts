import { analyticsTable } from '../features/analytics/analytics-table.ts'
import type { TableDefinition } from '../platform/bigquery/tables.ts'
import { mediaSnapshotTable, snapshotTable } from '../platform/recovery-copy/snapshot-tables.ts'

/** Every table of the BigQuery dataset (E-060 to E-062). */
export const warehouseTables: readonly TableDefinition[] = [
  snapshotTable,
  mediaSnapshotTable,
  analyticsTable,
]
