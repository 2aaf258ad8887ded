import type { LoadEnd } from './load-end.ts'
import type { LoadJob } from './load-jobs.ts'
import type { QueryJob } from './query-jobs.ts'
import { Refusal } from './replies.ts'

export interface Place {
  projectId: string
  location: string
}

function head({ projectId, location }: Place, jobId: string) {
  return {
    kind: 'bigquery#job',
    id: `${projectId}:${location}.${jobId}`,
    jobReference: { projectId, jobId, location },
    user_email: 'local@stand-in',
  }
}

function times(createdAt: number, endedAt: number | undefined) {
  return {
    creationTime: String(createdAt),
    startTime: String(createdAt),
    ...(endedAt !== undefined && { endTime: String(endedAt) }),
  }
}

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/Job */
export function showLoadJob(place: Place, job: LoadJob, end: LoadEnd | undefined) {
  const { configuration, labels, createdAt, inputFileBytes } = job
  const isLoaded = end && !end.errorResult
  return {
    ...head(place, job.id),
    configuration: { jobType: 'LOAD', load: configuration, ...(labels && { labels }) },
    status: {
      state: end ? 'DONE' : 'RUNNING',
      ...(end?.errorResult && { errorResult: end.errorResult }),
      ...(end?.errors && { errors: end.errors }),
    },
    statistics: {
      ...times(createdAt, end?.at),
      ...(end && {
        load: {
          inputFiles: '1',
          inputFileBytes: String(inputFileBytes),
          badRecords: String(end.badRecords),
          ...(isLoaded && {
            outputRows: String(end.outputRows ?? 0),
            outputBytes: String(end.outputBytes ?? 0),
          }),
        },
      }),
    },
  }
}

export function showQueryJob(place: Place, job: QueryJob) {
  const { request, outcome, plan } = job
  const { maximumBytesBilled, ...rest } = request
  const limit = maximumBytesBilled !== undefined && {
    maximumBytesBilled: String(maximumBytesBilled),
  }
  const failed = outcome instanceof Refusal ? outcome.proto : undefined
  return {
    ...head(place, job.id),
    configuration: { jobType: 'QUERY', query: { ...rest, ...limit, useLegacySql: false } },
    status: {
      state: outcome ? 'DONE' : 'RUNNING',
      ...(failed && { errorResult: failed, errors: [failed] }),
    },
    statistics: {
      ...times(job.createdAt, job.endedAt),
      totalBytesProcessed: String(plan.bytesProcessed),
      query: queryStatistics(job),
    },
  }
}

function queryStatistics({ plan, outcome }: Pick<QueryJob, 'plan' | 'outcome'>) {
  const deleted = outcome && !(outcome instanceof Refusal) ? outcome.deleted : undefined
  return {
    statementType: plan.translation.kind === 'delete' ? 'DELETE' : 'SELECT',
    totalBytesProcessed: String(plan.bytesProcessed),
    totalBytesBilled: String(plan.bytesBilled),
    cacheHit: false,
    ...(deleted !== undefined && dmlStatistics(deleted)),
  }
}

export function dmlStatistics(deleted: number) {
  return {
    numDmlAffectedRows: String(deleted),
    dmlStats: { deletedRowCount: String(deleted), insertedRowCount: '0', updatedRowCount: '0' },
  }
}

/** What a query would cost; it is no job. */
export function showDryRun({ location, projectId }: Place, plan: QueryJob['plan']) {
  return {
    kind: 'bigquery#job',
    jobReference: { projectId, location },
    configuration: { jobType: 'QUERY', dryRun: true },
    status: { state: 'DONE' },
    statistics: {
      totalBytesProcessed: String(plan.bytesProcessed),
      query: queryStatistics({ plan, outcome: undefined }),
    },
  }
}
