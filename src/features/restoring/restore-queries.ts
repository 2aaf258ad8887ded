import { z } from 'zod'
import { defineQuery } from '../../platform/bigquery/query-template.ts'
import { snapshotTable } from '../../platform/recovery-copy/snapshot-tables.ts'

const object = z
  .string()
  .nullable()
  .transform((text): unknown => (text === null ? null : JSON.parse(text)))

const text = z.string().nullable()

/** Versions as they were copied; of one that was copied twice, the row that came last. */
export const copiedVersions = defineQuery({
  name: 'copiedVersions',
  table: snapshotTable,
  sql: `
    SELECT snapshot_id AS versionId, brand_id, campaign_space_id, user_id, title, content_type, status, version, version_of,
      content_body,
      TO_JSON_STRING(metadata) AS metadata, TO_JSON_STRING(storage_metadata) AS storage_metadata,
      TO_JSON_STRING(ai_generation_metadata) AS ai_generation_metadata,
      TO_JSON_STRING(history) AS history
    FROM {table}
    WHERE tenant_id = @tenant AND snapshot_timestamp >= @from AND snapshot_timestamp < @to
      AND snapshot_id IN UNNEST(@versions)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY snapshot_id ORDER BY ingested_at DESC) = 1`,
  parameters: { versions: 'STRING[]' },
  row: z.object({
    versionId: z.string(),
    brand_id: text,
    campaign_space_id: text,
    user_id: text,
    title: text,
    content_type: text,
    status: text,
    version: z.number(),
    version_of: text,
    content_body: text,
    metadata: object,
    storage_metadata: object,
    ai_generation_metadata: object,
    history: object,
  }),
})

export type CopiedVersionRow = z.infer<(typeof copiedVersions)['row']>

/** Contents that were purged, as the copy knows. */
export const purgedContents = defineQuery({
  name: 'purgedContents',
  table: snapshotTable,
  sql: `
    SELECT DISTINCT content_id AS contentId FROM {table}
    WHERE tenant_id = @tenant AND snapshot_timestamp >= @from AND snapshot_timestamp < @to
      AND operation = 'purge'`,
  parameters: {},
  row: z.object({ contentId: z.string() }),
})
