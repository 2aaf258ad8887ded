import { DuckDBDateValue } from '@duckdb/node-api'
import { z } from 'zod'
import type { Catalog, Table } from './catalog.ts'
import type { Clock } from './clock.ts'
import type { Connection, Database } from './database.ts'
import { describeBadRows, endOfFailed, TooManyBadRows, type LoadEnd } from './load-end.ts'
import { loadRows } from './load-rows.ts'
import { addSizes } from './partition-sizes.ts'
import { duplicate, invalid, Refusal } from './replies.ts'
import { readSchema, RestSchema } from './schema.ts'

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationLoad */
export const LoadConfiguration = z.strictObject({
  destinationTable: z.object({ datasetId: z.string(), tableId: z.string() }).loose(),
  sourceFormat: z.literal('NEWLINE_DELIMITED_JSON'),
  writeDisposition: z.literal('WRITE_APPEND').optional(),
  createDisposition: z.enum(['CREATE_IF_NEEDED', 'CREATE_NEVER']).optional(),
  encoding: z.literal('UTF-8').optional(),
  schema: RestSchema.optional(),
  autodetect: z.literal(false).optional(),
  maxBadRecords: z.int().nonnegative().optional(),
  ignoreUnknownValues: z.boolean().optional(),
  location: z.string().optional(),
})

export interface LoadJob {
  id: string
  configuration: z.infer<typeof LoadConfiguration>
  labels: Record<string, string> | undefined
  /** Milliseconds since 1970. */
  createdAt: number
  inputFileBytes: number
}

export interface LoadLimits {
  /** Failed ones count too: https://cloud.google.com/bigquery/quotas#load_jobs */
  loadJobsPerTableAndDay: number
}

const ownTables = `
  create table if not exists load_jobs (
    id varchar primary key, number integer, day date, record varchar
  );
  create table if not exists load_ends (id varchar primary key, record varchar)`

interface Deps {
  database: Database
  catalog: Catalog
  clock: Clock
  limits: LoadLimits
}

export type LoadJobs = Awaited<ReturnType<typeof openLoadJobs>>

/** Load jobs, known by their ids for ever. */
export async function openLoadJobs(deps: Deps) {
  const { database, catalog, clock } = deps
  await database.write(async (tx) => {
    await tx.rows(ownTables)
    await endInterrupted(tx, clock.now())
  })

  return {
    async find(id: string): Promise<{ job: LoadJob; end: LoadEnd | undefined } | undefined> {
      const [[job, end] = []] = await database.read((connection) =>
        connection.rows(
          `select load_jobs.record, load_ends.record
          from load_jobs left join load_ends using (id) where id = $id`,
          { id },
        ),
      )
      if (typeof job !== 'string') return undefined
      return {
        job: JSON.parse(job) as LoadJob,
        end: typeof end === 'string' ? (JSON.parse(end) as LoadEnd) : undefined,
      }
    },
    /** Returns when the job is known, and its rows are still to be loaded. */
    async insert(job: LoadJob, data: Buffer, spoiledRows: number): Promise<void> {
      const { datasetId, tableId } = job.configuration.destinationTable
      catalog.getDataset(datasetId)
      const table = attempt(() => catalog.getTable(datasetId, tableId))
      await database.write((tx) => record(tx, deps, job, table))
      // Queued behind the transaction above: whoever closes the database waits for it.
      void database
        .write((tx) => run(tx, deps, { job, table, data, spoiledRows }))
        .catch((error: unknown) =>
          database.write((tx) => end(tx, job.id, endOfFailed(clock.now(), error))),
        )
    },
  }
}

function attempt<T>(work: () => T): T | Refusal {
  try {
    return work()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/** What ran when the process died has been rolled back. */
async function endInterrupted(tx: Connection, at: number): Promise<void> {
  const message = 'Error encountered during execution. Retrying may solve the problem.'
  const errorResult = { reason: 'backendError', message }
  const stopped: LoadEnd = { at, errorResult, errors: [errorResult], badRecords: 0 }
  await tx.rows(
    'insert into load_ends select id, $record from load_jobs anti join load_ends using (id)',
    { record: JSON.stringify(stopped) },
  )
}

const msPerDay = 86_400_000

async function record(tx: Connection, deps: Deps, job: LoadJob, table: Table | Refusal) {
  const [known] = await tx.rows('select 1 from load_jobs where id = $id', { id: job.id })
  if (known) throw duplicate(`Job ${deps.catalog.projectId}:${job.id}`)
  const number = table instanceof Refusal ? 0 : table.number
  const day = new DuckDBDateValue(Math.floor(job.createdAt / msPerDay))
  const [[used] = []] = await tx.rows(
    'select count(*) from load_jobs where number = $number and day = $day',
    { number, day },
  )
  if (number > 0 && Number(used) >= deps.limits.loadJobsPerTableAndDay) throw quotaExceeded()
  await tx.rows('insert into load_jobs values ($id, $number, $day, $record)', {
    id: job.id,
    number,
    day,
    record: JSON.stringify(job),
  })
}

const quotaExceeded = () =>
  new Refusal(
    403,
    'quotaExceeded',
    'Quota exceeded: Your table exceeded quota for imports or query appends per table. For more ' +
      'information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas',
    'load_job_per_table.long',
  )

interface Run {
  job: LoadJob
  table: Table | Refusal
  data: Buffer
  spoiledRows: number
}

/** Rows, sizes and the end of the job are one transaction. */
async function run(tx: Connection, deps: Deps, { job, table, data, spoiledRows }: Run) {
  if (table instanceof Refusal) throw table
  const { ignoreUnknownValues = false, maxBadRecords = 0, schema } = job.configuration
  // It may have been deleted or changed since the job was taken.
  const current = deps.catalog.getTable(table.datasetId, table.tableId)
  if (schema) checkSchema(current, readSchema(schema))
  const request = { table: current, data, ignoreUnknownValues, spoiledRows }
  const { rows, bytes, sizes, bad } = await loadRows(tx, request)
  if (bad.length > maxBadRecords) throw new TooManyBadRows(rows, bad)
  await addSizes(tx, current, sizes)
  await end(tx, job.id, {
    at: deps.clock.now(),
    ...(bad.length > 0 && { errors: describeBadRows(bad) }),
    outputRows: rows,
    outputBytes: bytes,
    badRecords: bad.length,
  })
}

function checkSchema(table: Table, given: Table['fields']): void {
  for (const { name, type } of given) {
    if (table.fields.some((field) => field.name === name && field.type === type)) continue
    throw invalid(`Provided Schema does not match Table ${table.fullName}. Field: ${name}`)
  }
}

async function end(tx: Connection, id: string, record: LoadEnd): Promise<void> {
  await tx.rows('insert into load_ends values ($id, $record)', {
    id,
    record: JSON.stringify(record),
  })
}
