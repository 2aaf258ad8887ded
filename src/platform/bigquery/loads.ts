import type { BigQuery as Client, Dataset, Job, JobLoadMetadata } from '@google-cloud/bigquery'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { bigqueryLoad } from '../telemetry.ts'
import { explain, statusOf, timedOut, within } from './failures.ts'
import type { TableDefinition } from './tables.ts'

export interface LoadJob {
  /** Ours, and the same for every repeat: a job runs once under one id. */
  id: string
  /** Newline-delimited JSON, a row a line. */
  body: readonly Uint8Array[]
  /** So many rows may be refused without refusing all. */
  maxBadRecords: number
}

/** What a load job has done. */
export interface LoadOutcome {
  outputRows: number
}

/** A load job has ended and loaded nothing; the same rows need another job id to be tried again. */
export class LoadFailedError extends Error {
  override readonly name = 'LoadFailedError'
  /** Google's word, e.g. `invalid`. */
  readonly reason: string

  constructor(jobId: string, reason: string, message: string) {
    super(`the load job ${jobId} failed, ${reason}: ${message.slice(0, 500)}`)
    this.reason = reason
  }
}

const requestMs = 30_000
/** An upload takes as long as its bytes do. */
const uploadMs = 180_000
const firstPollMs = 100
const longestPollMs = 5_000
/** Whoever waits for a job gives up after this; the job goes on, and is found by its id later. */
const patienceMs = 600_000

interface JobMetadata {
  status?: { state?: string; errorResult?: { reason?: string; message?: string } }
  statistics?: { load?: { outputRows?: string } }
}

export function createLoads(client: Client, dataset: Dataset) {
  const jobOf = (id: string): Job =>
    client.job(id, { ...(dataset.location && { location: dataset.location }) })

  const ended = async (id: string, signal: AbortSignal): Promise<LoadOutcome> => {
    const until = performance.now() + patienceMs
    for (let pauseMs = firstPollMs; performance.now() < until; pauseMs *= 2) {
      const metadata = await metadataOf(jobOf(id), signal)
      if (metadata.status?.state === 'DONE') return outcomeOf(id, metadata)
      await wait(Math.min(pauseMs, longestPollMs), undefined, { signal })
    }
    throw timedOut(patienceMs)
  }

  const findLoad = async (id: string, signal: AbortSignal): Promise<LoadOutcome | null> => {
    try {
      return await ended(id, signal)
    } catch (error) {
      if (error instanceof LoadFailedError || statusOf((error as Error).cause) !== 404) throw error
      return null
    }
  }

  const submit = async ({ name }: TableDefinition, job: LoadJob, signal: AbortSignal) => {
    try {
      await within(uploadMs, signal, () => upload(dataset, name, job))
    } catch (error) {
      if (signal.aborted) throw error
      // Somebody, perhaps we, was here before.
      if (statusOf(error) !== 409) throw explain(error, statusOf(error) === undefined)
    }
    return ended(job.id, signal)
  }

  const load = (table: TableDefinition, job: LoadJob, signal: AbortSignal) =>
    bigqueryLoad(table.name, () => submit(table, job, signal))
  return { load, findLoad }
}

async function metadataOf(job: Job, signal: AbortSignal): Promise<JobMetadata> {
  try {
    const [metadata] = await within(requestMs, signal, () => job.getMetadata())
    return metadata as JobMetadata
  } catch (error) {
    if (signal.aborted) throw error
    throw explain(error)
  }
}

function outcomeOf(id: string, { status, statistics }: JobMetadata): LoadOutcome {
  const failure = status?.errorResult
  if (failure) {
    throw new LoadFailedError(id, failure.reason ?? 'unknown', failure.message ?? '')
  }
  return { outputRows: Number(statistics?.load?.outputRows ?? 0) }
}

async function upload(dataset: Dataset, table: string, job: LoadJob): Promise<void> {
  const metadata: JobLoadMetadata = {
    jobId: job.id,
    sourceFormat: 'NEWLINE_DELIMITED_JSON',
    writeDisposition: 'WRITE_APPEND',
    createDisposition: 'CREATE_NEVER',
    maxBadRecords: job.maxBadRecords,
  }
  // The private one: the public one polls the job by itself, and hides what it meets.
  const writable = dataset.table(table).createWriteStream_(metadata)
  const submitted = once(writable, 'job')
  Readable.from(job.body).pipe(writable)
  await submitted
}
