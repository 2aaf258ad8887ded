import { z } from 'zod'
import { defineQuery } from '../bigquery/query-template.ts'
import { snapshotTable } from './snapshot-tables.ts'

/** Versions by their ids; a repeated load may have left a row twice. */
export const versionQuery = defineQuery({
  name: 'versionsById',
  table: snapshotTable,
  sql: `
    SELECT tenant_id, snapshot_id, content_body,
      TO_JSON_STRING(storage_metadata) AS storage_metadata, TO_JSON_STRING(history) AS history
    FROM {table}
    WHERE tenant_id = @tenant AND snapshot_timestamp >= @from AND snapshot_timestamp < @to
      AND snapshot_id IN UNNEST(@ids) AND operation <> 'purge'
    QUALIFY ROW_NUMBER() OVER (PARTITION BY snapshot_id ORDER BY ingested_at DESC) = 1`,
  parameters: { ids: 'STRING[]' },
  row: z.object({
    tenant_id: z.string(),
    snapshot_id: z.string(),
    content_body: z.string().nullable(),
    storage_metadata: z.string().nullable(),
    history: z.string().nullable(),
  }),
})

export type VersionRow = z.infer<typeof versionQuery.row>
