import type { BigQuery as Client, Job, Query, QueryOptions } from '@google-cloud/bigquery'
import { UpstreamError } from '../../lib/errors.ts'
import { createBreaker } from '../http/breaker.ts'
import { explain as explainFailure } from '../http/failures.ts'
import { createRecent } from '../http/recent.ts'
import { Refusal } from '../http/refusal.ts'
import { bigqueryQuery } from '../telemetry.ts'
import { explain, neighbour, reasonOf, within } from './failures.ts'
import type { ParameterType, Parameters, QueryTemplate } from './query-template.ts'
import { partitionTypeOf, type TableDefinition } from './tables.ts'

/** Whose rows, and of which days: from the one time, up to before the other. */
export interface Scope {
  tenantId: string
  from: Date
  to: Date
}

export interface QueryCall {
  signal?: AbortSignal
  /** The whole call; 10 seconds when absent. */
  timeoutMs?: number
  /** Refused, at no cost, when more would have to be read. */
  maxBytesBilled?: number
}

export interface QueryResult<Row> {
  rows: Row[]
  /** What was read for it; billed are 10 MiB at least. */
  bytesProcessed: number
  /** Of a DELETE: how many there were. */
  affectedRows: number
}

/** More would have to be read than the caller pays for. */
export class BytesLimitError extends Error {
  override readonly name = 'BytesLimitError'
}

interface Response {
  totalBytesProcessed?: string | number
  numDmlAffectedRows?: string | number
}

const defaultTimeoutMs = 10_000

/** `project.dataset` names go into the statement; both come from the configuration. */
export function createQueries(
  client: Client,
  { projectId, datasetId, location }: { projectId: string; datasetId: string; location: string },
) {
  const recent = createRecent()
  const breaker = createBreaker({ maxFailures: 4, openMs: 2_000, onOpen: () => {} })

  const ask = async (query: Query, timeoutMs: number, signal: AbortSignal | undefined) => {
    const startedAt = performance.now()
    try {
      const answer = await within(timeoutMs, signal, () => askAll(client, query, timeoutMs))
      recent.note(performance.now() - startedAt, true)
      return answer
    } catch (error) {
      if (signal?.aborted) throw error
      if (reasonOf(error) === 'bytesBilledLimitExceeded') {
        throw new BytesLimitError(error instanceof Error ? error.message : '')
      }
      recent.note(performance.now() - startedAt, false)
      const failure = explain(error)
      // Whoever does not answer holds up everybody who asks.
      if (failure.failure === 'timeout') breaker.countSlow()
      throw failure
    }
  }

  const query = async <const Types extends Record<string, ParameterType>, Row>(
    template: QueryTemplate<Types, Row>,
    scope: Scope,
    parameters: Parameters<Types>,
    { signal, timeoutMs = defaultTimeoutMs, maxBytesBilled }: QueryCall = {},
  ): Promise<QueryResult<Row>> => {
    const statement: Query = {
      query: template.sql.replaceAll(
        '{table}',
        `\`${projectId}.${datasetId}.${template.table.name}\``,
      ),
      ...bind(template, scope, parameters),
      location,
      ...(maxBytesBilled !== undefined && { maximumBytesBilled: String(maxBytesBilled) }),
    }
    const run = () => bigqueryQuery(template.name, () => ask(statement, timeoutMs, signal))
    const { rows, response } = await breaker.run(run).catch((error: unknown) => {
      throw error instanceof Refusal ? explainFailure(neighbour, error, false) : error
    })
    return {
      rows: rows.map((row) => readRow(template, row)),
      bytesProcessed: Number(response.totalBytesProcessed ?? 0),
      affectedRows: Number(response.numDmlAffectedRows ?? 0),
    }
  }

  return {
    query,
    health: () => ({ ...recent.summary(), state: breaker.state, since: breaker.since }),
  }
}

type Page = [rows: Record<string, unknown>[], next: (QueryOptions & { job: Job }) | null, Response?]

/** All pages of the answer; the first one tells what the query has cost. */
async function askAll(client: Client, query: Query, timeoutMs: number) {
  const options = { autoPaginate: false, timeoutMs } as QueryOptions
  const [rows, first, response = {}] = (await client.query(query, options)) as unknown as Page
  for (let next = first; next;) {
    const [more, after] = (await next.job.getQueryResults(next)) as unknown as Page
    for (const row of more) rows.push(row)
    next = after
  }
  return { rows, response }
}

function bind(
  {
    table,
    parameters: types,
  }: Pick<QueryTemplate<Record<string, ParameterType>, unknown>, 'table' | 'parameters'>,
  { tenantId, from, to }: Scope,
  given: Readonly<Record<string, unknown>>,
): Pick<Query, 'params' | 'types'> {
  const bounds = boundsOf(table, from, to)
  const params: Record<string, unknown> = { tenant: tenantId, ...bounds.values }
  const named: Record<string, string | string[]> = {
    tenant: 'STRING',
    from: bounds.type,
    to: bounds.type,
  }
  for (const [name, type] of Object.entries(types)) {
    const value = given[name]
    params[name] = wrap(type, value instanceof Date ? value.toISOString() : value)
    named[name] = type === 'STRING[]' ? ['STRING'] : type
  }
  return { params, types: named }
}

function boundsOf(table: TableDefinition, from: Date, to: Date) {
  const type = partitionTypeOf(table)
  const textOf = (time: Date) =>
    type === 'DATE' ? time.toISOString().slice(0, 10) : time.toISOString()
  return { type, values: { from: wrap(type, textOf(from)), to: wrap(type, textOf(to)) } }
}

/** The client sends times and dates only from wrappers like its own; of a plain text it sends nothing. */
function wrap(type: ParameterType, value: unknown): unknown {
  const isTime = type === 'TIMESTAMP' || type === 'DATE'
  return isTime && value !== null ? { value } : value
}

function readRow<Row>(
  { name, row }: Pick<QueryTemplate<never, Row>, 'name' | 'row'>,
  found: Record<string, unknown>,
) {
  const plain = Object.fromEntries(
    Object.entries(found).map(([key, value]) => [key, plainOf(value)]),
  )
  const parsed = row.safeParse(plain)
  if (parsed.success) return parsed.data
  const message = `answered the query ${name} with a row of another form`
  throw new UpstreamError(neighbour, 'malformed', message, { cause: parsed.error })
}

/** The client wraps times and dates, for which JavaScript has no types of its own. */
function plainOf(value: unknown): unknown {
  return value !== null && typeof value === 'object' && 'value' in value ? value.value : value
}
