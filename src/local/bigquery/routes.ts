import type { CallDetails } from '../call-log.ts'
import { toPatterns } from '../path-patterns.ts'
import { getDataset, insertDataset, listDatasets } from './datasets.ts'
import { cancelJob, continueUpload, describeUpload, getJob, insertJob, upload } from './jobs.ts'
import { describeQuery, getQueryResults, query } from './queries.ts'
import { notFound } from './replies.ts'
import type { Handler, RouteRequest } from './route-request.ts'
import { deleteTable, getTable, insertTable, listTables, patchTable } from './tables.ts'

export const operations = [
  'dataset',
  'table',
  'load',
  'job',
  'query',
  'results',
  'unknown',
] as const

export type BigQueryOperation = (typeof operations)[number]

type Described = Omit<CallDetails, 'operation'>

interface Route {
  method: string
  /** Below the project. */
  path: string
  operation: BigQueryOperation
  run: Handler
  describe?: (request: Pick<RouteRequest, 'headers' | 'body' | 'json'>) => Described
}

const describeJob: Route['describe'] = ({ json }) =>
  describeQuery((json as { configuration?: { query?: unknown } }).configuration?.query)

const api: readonly Route[] = [
  { method: 'POST', path: 'datasets', operation: 'dataset', run: insertDataset },
  { method: 'GET', path: 'datasets', operation: 'dataset', run: listDatasets },
  { method: 'GET', path: 'datasets/:dataset', operation: 'dataset', run: getDataset },
  { method: 'POST', path: 'datasets/:dataset/tables', operation: 'table', run: insertTable },
  { method: 'GET', path: 'datasets/:dataset/tables', operation: 'table', run: listTables },
  { method: 'GET', path: 'datasets/:dataset/tables/:table', operation: 'table', run: getTable },
  { method: 'PATCH', path: 'datasets/:dataset/tables/:table', operation: 'table', run: patchTable },
  {
    method: 'DELETE',
    path: 'datasets/:dataset/tables/:table',
    operation: 'table',
    run: deleteTable,
  },
  { method: 'POST', path: 'jobs', operation: 'query', run: insertJob, describe: describeJob },
  { method: 'GET', path: 'jobs/:job', operation: 'job', run: getJob },
  { method: 'POST', path: 'jobs/:job/cancel', operation: 'job', run: cancelJob },
  {
    method: 'POST',
    path: 'queries',
    operation: 'query',
    run: query,
    describe: ({ json }) => describeQuery(json),
  },
  { method: 'GET', path: 'queries/:job', operation: 'results', run: getQueryResults },
]

const uploads: readonly Route[] = [
  { method: 'POST', path: 'jobs', operation: 'load', run: upload, describe: describeUpload },
  { method: 'PUT', path: 'jobs', operation: 'load', run: continueUpload },
]

const roots = [
  { prefix: /^\/bigquery\/v2\/projects\/([^/]+)\/(.*)$/, patterns: toPatterns(api) },
  { prefix: /^\/upload\/bigquery\/v2\/projects\/([^/]+)\/(.*)$/, patterns: toPatterns(uploads) },
]

/** Refuses with 404 what the stand-in does not cover. */
export function findRoute(method: string, address: string) {
  for (const { prefix, patterns } of roots) {
    const [, projectId, path = ''] = prefix.exec(address) ?? []
    if (projectId === undefined) continue
    for (const { route, pattern } of patterns) {
      const found = route.method === method ? pattern.exec(path) : null
      if (!found) continue
      const { dataset = '', table = '', job = '' } = found.groups ?? {}
      return {
        route,
        projectId: decodeURIComponent(projectId),
        dataset: decodeURIComponent(dataset),
        table: decodeURIComponent(table),
        job: decodeURIComponent(job),
      }
    }
  }
  throw notFound(`${method} ${address} is not covered by the local stand-in for BigQuery`)
}
