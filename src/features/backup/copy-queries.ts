import { z } from 'zod'
import { defineQuery } from '../../platform/bigquery/query-template.ts'
import { snapshotTable } from '../../platform/recovery-copy/snapshot-tables.ts'

/** Which rows of a batch have come to the copy. */
export const loadedOfBatch = defineQuery({
  name: 'loadedOfBatch',
  table: snapshotTable,
  sql: `
    SELECT snapshot_id AS snapshotId FROM {table}
    WHERE tenant_id = @tenant AND snapshot_timestamp >= @from AND snapshot_timestamp < @to
      AND batch_id = @batch`,
  parameters: { batch: 'STRING' },
  row: z.object({ snapshotId: z.string() }),
})

/** What was purged goes; the row that says so stays. */
export const removePurged = defineQuery({
  name: 'removePurged',
  table: snapshotTable,
  sql: `
    DELETE FROM {table}
    WHERE tenant_id = @tenant AND snapshot_timestamp >= @from AND snapshot_timestamp < @to
      AND content_id IN UNNEST(@contents) AND operation <> 'purge'`,
  parameters: { contents: 'STRING[]' },
  row: z.object({}),
})
