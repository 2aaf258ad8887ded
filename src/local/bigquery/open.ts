import { z } from 'zod'
import { openStandIn } from '../stand-in.ts'

export const BigQueryDetails = z.object({
  /** Origin without a path, e.g. `http://127.0.0.1:41234`. */
  url: z.url(),
  projectId: z.string(),
  /** The access token that callers show. */
  token: z.string(),
})

export interface LocalBigQuery extends z.infer<typeof BigQueryDetails>, AsyncDisposable {
  /** True when this call started it, false when another process had it running. */
  readonly started: boolean
}

/** Holds the BigQuery stand-in of this data directory; tables, jobs and token survive restarts. */
export async function openBigQuery(options: { dataDir: string }): Promise<LocalBigQuery> {
  const standIn = await openStandIn({
    name: 'bigquery',
    dataDir: options.dataDir,
    settings: {},
    program: new URL('program.ts', import.meta.url),
  })
  return {
    ...BigQueryDetails.parse(standIn.details),
    started: standIn.started,
    [Symbol.asyncDispose]: () => standIn[Symbol.asyncDispose](),
  }
}
