import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Reply } from '../exchange.ts'
import { dmlStatistics } from './job-resource.ts'
import { QueryParameter, showParameters } from './query-parameters.ts'
import type { QueryJob } from './query-jobs.ts'
import { invalid, notFound, ok, Refusal } from './replies.ts'
import { showColumns, showRows, type TimestampFormat } from './result-rows.ts'
import { read, type RouteRequest, type State } from './route-request.ts'
import { queryFields, type QueryResult } from './run-query.ts'

const TimestampOutput = z.enum([
  'TIMESTAMP_OUTPUT_FORMAT_UNSPECIFIED',
  'FLOAT64',
  'INT64',
  'ISO8601_STRING',
])

const Query = z.strictObject({
  ...queryFields,
  requestId: z.string().max(36).optional(),
  timeoutMs: z.int().nonnegative().optional(),
  maxResults: z.int().positive().optional(),
  formatOptions: z
    .object({
      useInt64Timestamp: z.boolean().optional(),
      timestampOutputFormat: TimestampOutput.optional(),
    })
    .optional(),
  jobCreationMode: z.enum(['JOB_CREATION_REQUIRED', 'JOB_CREATION_OPTIONAL']).optional(),
  location: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  useQueryCache: z.boolean().optional(),
})

interface Page {
  offset: number
  maxResults: number | undefined
  timestamps: TimestampFormat
}

const usualTimeoutMs = 10_000

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query */
export async function query({ state, json }: RouteRequest): Promise<Reply> {
  const { requestId, timeoutMs = usualTimeoutMs, maxResults, ...asked } = read(Query, json)
  const job = await state.queries.startOnce(asked, requestId)
  const timestamps = timestampFormat(
    asked.formatOptions?.timestampOutputFormat,
    asked.formatOptions?.useInt64Timestamp,
  )
  return answer(state, job, timeoutMs, { offset: 0, maxResults, timestamps })
}

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/getQueryResults */
export async function getQueryResults({ state, job: id, query: asked }: RouteRequest) {
  const job = state.queries.find(id)
  if (!job) throw notFound(`Job ${state.place.projectId}:${id}`)
  const number = (name: string) => (asked.has(name) ? Number(asked.get(name)) : undefined)
  const token = asked.get('pageToken')
  const timestamps = timestampFormat(
    TimestampOutput.safeParse(asked.get('formatOptions.timestampOutputFormat')).data,
    asked.get('formatOptions.useInt64Timestamp') === 'true',
  )
  return answer(state, job, number('timeoutMs') ?? usualTimeoutMs, {
    offset: token === null ? (number('startIndex') ?? 0) : readToken(id, token),
    maxResults: number('maxResults'),
    timestamps,
  })
}

function timestampFormat(
  format: z.infer<typeof TimestampOutput> | undefined,
  useInt64: boolean | undefined,
): TimestampFormat {
  if (format === 'INT64' || format === 'ISO8601_STRING') return format
  return useInt64 ? 'INT64' : 'FLOAT64'
}

async function answer(state: State, job: QueryJob, timeoutMs: number, page: Page): Promise<Reply> {
  const late = new AbortController()
  const tooLate = delay(timeoutMs, undefined, { signal: late.signal }).catch(() => undefined)
  const outcome = await Promise.race([job.done, tooLate])
  late.abort()
  if (outcome instanceof Refusal) throw outcome
  const { projectId, location } = state.place
  const head = {
    jobReference: { projectId, jobId: job.id, location },
    jobComplete: outcome !== undefined,
  }
  if (!outcome) return ok(head)
  return ok({
    ...head,
    totalBytesProcessed: String(job.plan.bytesProcessed),
    totalBytesBilled: String(job.plan.bytesBilled),
    cacheHit: false,
    ...showPage(job.id, outcome, page),
  })
}

function showPage(id: string, { columns, rows, deleted }: QueryResult, page: Page) {
  if (deleted !== undefined) return dmlStatistics(deleted)
  const shown = cut(rows, page)
  const end = page.offset + shown.length
  return {
    schema: showColumns(columns),
    totalRows: String(rows.length),
    ...(shown.length > 0 && { rows: showRows(columns, shown, page.timestamps) }),
    ...(end < rows.length && { pageToken: writeToken(id, end) }),
  }
}

/** A page is not larger, whatever `maxResults` says. */
const maxPageBytes = 10_000_000

function cut(rows: QueryResult['rows'], { offset, maxResults = Infinity }: Page) {
  let bytes = 0
  let end = offset
  while (end < rows.length && end - offset < maxResults) {
    bytes += JSON.stringify(rows[end]).length
    if (bytes > maxPageBytes && end > offset) break
    end++
  }
  return rows.slice(offset, end)
}

function writeToken(id: string, offset: number): string {
  return Buffer.from(JSON.stringify([id, offset])).toString('base64url')
}

function readToken(id: string, token: string): number {
  const known = z.tuple([z.literal(id), z.int()])
  try {
    return known.parse(JSON.parse(Buffer.from(token, 'base64url').toString()))[1]
  } catch {
    throw invalid(`Invalid page token: ${token}`, 'pageToken')
  }
}

const loggedCharacters = 4_000

const Asked = z.object({
  query: z.string(),
  queryParameters: z.array(QueryParameter).optional(),
})

/** What a query asks, for the call log: the statement, its parameters, its tenant, its first table. */
export function describeQuery(json: unknown) {
  const asked = Asked.safeParse(json).data
  if (!asked) return {}
  const params = showParameters(asked.queryParameters ?? [])
  const { tenant } = params
  const table = /`[^`]*?(\w+)`/.exec(asked.query)?.[1]
  return {
    sql: asked.query.slice(0, loggedCharacters),
    params,
    ...(typeof tenant === 'string' && { tenant }),
    ...(table !== undefined && { table }),
  }
}
