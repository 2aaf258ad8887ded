import { BigQuery as Client } from '@google-cloud/bigquery'
import { OAuth2Client } from 'google-auth-library'
import { createQueries, type QueryCall, type QueryResult, type Scope } from './bigquery/queries.ts'
import { createLoads, type LoadJob, type LoadOutcome } from './bigquery/loads.ts'
import type { ParameterType, Parameters, QueryTemplate } from './bigquery/query-template.ts'
import { checkTable, setUpTable, setUpDataset, type SetUpStep } from './bigquery/set-up.ts'
import type { TableDefinition } from './bigquery/tables.ts'
import type { BreakerState } from './http/breaker.ts'
import type { RecentSummary } from './http/recent.ts'

export { LoadFailedError, type LoadJob } from './bigquery/loads.ts'

export interface BigQueryOptions {
  projectId: string
  dataset: string
  /** Where the dataset lies, e.g. `EU`. */
  location: string
  /** Another address than Google's. */
  apiUrl?: string
  /** A service account's key file; the machine's own account when absent. */
  credentialsFile?: string
  /** Instead of an account. */
  accessToken?: string
}

export interface BigQueryHealth extends RecentSummary {
  state: BreakerState
  since: Date
}

/** The data warehouse, by the vendor's client; nothing else in the gateway talks to it. */
export interface BigQuery {
  readonly dataset: string
  /** Makes the dataset and the tables that are missing, adds missing columns; safe to repeat. */
  setUp(tables: readonly TableDefinition[]): AsyncGenerator<SetUpStep, void>
  /** Throws UpstreamError, `rejected`, when the table is not there or not of this form. */
  check(table: TableDefinition, signal?: AbortSignal): Promise<void>
  /**
   * Appends rows, all or none, once: a job id that was used before is looked up, not loaded again.
   * Resolves when they are there. Throws LoadFailedError when the job has ended without loading
   * anything, and UpstreamError when that is not known.
   */
  load(table: TableDefinition, job: LoadJob, signal: AbortSignal): Promise<LoadOutcome>
  /** What became of a load job; null when nobody ever heard of it. Throws as `load`. */
  findLoad(jobId: string, signal: AbortSignal): Promise<LoadOutcome | null>
  /** Runs one of our templates for one tenant, over a range of days. Throws UpstreamError. */
  query<const Types extends Record<string, ParameterType>, Row>(
    template: QueryTemplate<Types, Row>,
    scope: Scope,
    parameters: Parameters<Types>,
    call?: QueryCall,
  ): Promise<QueryResult<Row>>
  health(): BigQueryHealth
}

export function createBigQuery(options: BigQueryOptions): BigQuery {
  const { projectId, dataset: datasetId, location, apiUrl } = options
  const client = new Client({
    projectId,
    location,
    // Repeats are decided where it is known what a repeat does.
    autoRetry: false,
    ...(apiUrl && { apiEndpoint: apiUrl }),
    ...credentialOf(options),
  })
  const dataset = client.dataset(datasetId, { location })
  const queries = createQueries(client, { projectId, datasetId, location })
  return {
    dataset: datasetId,
    async *setUp(tables) {
      yield await setUpDataset(dataset, location)
      for (const table of tables) yield await setUpTable(dataset, table)
    },
    check: (table, signal) => checkTable(dataset, table, signal),
    ...createLoads(client, dataset),
    query: queries.query,
    health: queries.health,
  }
}

function credentialOf({ accessToken, credentialsFile }: BigQueryOptions) {
  if (accessToken === undefined) return credentialsFile ? { keyFilename: credentialsFile } : {}
  const authClient = new OAuth2Client()
  authClient.setCredentials({ access_token: accessToken, expiry_date: Number.MAX_SAFE_INTEGER })
  return { authClient }
}
