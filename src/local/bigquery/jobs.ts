import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Reply } from '../exchange.ts'
import type { Fault } from '../faults.ts'
import { showDryRun, showLoadJob, showQueryJob } from './job-resource.ts'
import { LoadConfiguration } from './load-jobs.ts'
import { parseMultipart, type Upload } from './multipart.ts'
import { duplicate, invalid, notFound, ok } from './replies.ts'
import { read, type RouteRequest, type State } from './route-request.ts'
import { queryFields } from './run-query.ts'

const JobReference = z.object({ jobId: z.string().regex(/^[\w-]{1,1024}$/) }).loose()
const Labels = z.record(z.string(), z.string())

const LoadInsert = z.object({
  jobReference: JobReference.optional(),
  configuration: z.strictObject({
    load: LoadConfiguration,
    labels: Labels.optional(),
    jobTimeoutMs: z.string().optional(),
    jobType: z.string().optional(),
  }),
})

const QueryInsert = z.object({
  jobReference: JobReference.optional(),
  configuration: z.strictObject({
    query: z.strictObject({
      ...queryFields,
      priority: z.string().optional(),
      useQueryCache: z.boolean().optional(),
    }),
    dryRun: z.boolean().optional(),
    labels: Labels.optional(),
    jobTimeoutMs: z.string().optional(),
    jobType: z.string().optional(),
  }),
})

/** Queries; files come by the upload address. */
export async function insertJob({ state, json }: RouteRequest): Promise<Reply> {
  const { jobReference, configuration } = read(QueryInsert, json)
  const { query, dryRun } = configuration
  if (dryRun) return ok(showDryRun(state.place, await state.queries.plan(query)))
  const id = jobReference?.jobId
  if (id !== undefined && (await state.loads.find(id))) {
    throw duplicate(`Job ${state.place.projectId}:${id}`)
  }
  return ok(showQueryJob(state.place, await state.queries.start(query, id)))
}

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/get */
export async function getJob({ state, job: id }: RouteRequest): Promise<Reply> {
  return ok(await findJob(state, id))
}

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/cancel; what has begun goes on. */
export async function cancelJob({ state, job: id }: RouteRequest): Promise<Reply> {
  return ok({ kind: 'bigquery#jobCancelResponse', job: await findJob(state, id) })
}

async function findJob(state: State, id: string) {
  const query = state.queries.find(id)
  if (query) return showQueryJob(state.place, query)
  const load = await state.loads.find(id)
  if (!load) throw notFound(`Job ${state.place.projectId}:${id}`)
  return showLoadJob(state.place, load.job, load.end)
}

/** https://cloud.google.com/bigquery/docs/reference/api-uploads */
export function upload(request: RouteRequest): Promise<Reply> | Reply {
  const { state, query, struck } = request
  switch (query.get('uploadType')) {
    case 'multipart':
      return load(state, readUpload(request), struck)
    case 'resumable': {
      const id = state.resumables.begin(request.json)
      const { projectId } = state.place
      const path = `/upload/bigquery/v2/projects/${projectId}/jobs?uploadType=resumable`
      const location = `${state.origin()}${path}&upload_id=${id}`
      return { status: 200, body: '', headers: { location } }
    }
    default:
      throw invalid(`Unknown uploadType: ${query.get('uploadType')}`)
  }
}

function readUpload({ headers, body }: Pick<RouteRequest, 'headers' | 'body'>): Upload {
  return parseMultipart(String(headers['content-type']), body)
}

export function continueUpload(request: RouteRequest): Promise<Reply> | Reply {
  const { state, query, headers, body, struck } = request
  const range = headers['content-range']
  const taken = state.resumables.take(query.get('upload_id') ?? '', range?.toString(), body)
  if (taken.isWhole) return load(state, taken, struck)
  const received = taken.bytes > 0 ? { range: `bytes=0-${taken.bytes - 1}` } : {}
  return { status: 308, body: '', headers: received }
}

async function load(state: State, { metadata, data }: Upload, struck: readonly Fault[]) {
  const { jobReference, configuration } = read(LoadInsert, metadata)
  const id = jobReference?.jobId ?? `job_${randomUUID()}`
  if (state.queries.find(id)) throw duplicate(`Job ${state.place.projectId}:${id}`)
  const job = {
    id,
    configuration: configuration.load,
    labels: configuration.labels,
    createdAt: state.clock.now(),
    inputFileBytes: data.length,
  }
  const spoiled = struck.find((fault) => fault.kind === 'badRows')
  await state.loads.insert(job, data, spoiled ? (spoiled.count ?? 1) : 0)
  return ok(showLoadJob(state.place, job, undefined))
}

/** The table and the job that an upload names, as far as it can be read. */
export function describeUpload(request: Pick<RouteRequest, 'headers' | 'body' | 'json'>) {
  const isMultipart = request.headers['content-type']?.includes('multipart/related')
  const metadata = isMultipart ? readUpload(request).metadata : request.json
  const { data } = LoadInsert.safeParse(metadata)
  if (!data) return {}
  const { jobReference, configuration } = data
  return {
    table: configuration.load.destinationTable.tableId,
    ...(jobReference && { keys: [jobReference.jobId] }),
  }
}
