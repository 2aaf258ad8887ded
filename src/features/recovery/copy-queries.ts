import { z } from 'zod'
import { defineQuery } from '../../platform/bigquery/query-template.ts'
import { snapshotTable } from '../../platform/recovery-copy/snapshot-tables.ts'

/** How often versions are in the copy, and with which checksums. */
export const countedCopies = defineQuery({
  name: 'countedCopies',
  table: snapshotTable,
  sql: `
    SELECT snapshot_id AS versionId, COUNT(*) AS copies,
      COUNTIF(sha256 IS NULL) AS unsigned, MIN(sha256) AS least, MAX(sha256) AS greatest
    FROM {table}
    WHERE tenant_id = @tenant AND snapshot_timestamp >= @from AND snapshot_timestamp < @to
      AND snapshot_id IN UNNEST(@versions)
    GROUP BY snapshot_id`,
  parameters: { versions: 'STRING[]' },
  row: z.object({
    versionId: z.string(),
    copies: z.number(),
    unsigned: z.number(),
    least: z.string().nullable(),
    greatest: z.string().nullable(),
  }),
})

/** What the copy has of contents that were purged: should be the word of it, and no more. */
export const remainsOfPurged = defineQuery({
  name: 'remainsOfPurged',
  table: snapshotTable,
  sql: `
    SELECT content_id AS contentId, COUNTIF(operation = 'purge') AS purges,
      COUNTIF(operation <> 'purge') AS remains
    FROM {table}
    WHERE tenant_id = @tenant AND snapshot_timestamp >= @from AND snapshot_timestamp < @to
      AND content_id IN UNNEST(@contents)
    GROUP BY content_id`,
  parameters: { contents: 'STRING[]' },
  row: z.object({ contentId: z.string(), purges: z.number(), remains: z.number() }),
})
