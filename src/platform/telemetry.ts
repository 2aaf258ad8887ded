import { DomainError } from '../lib/errors.ts'
import { withoutSecrets } from '../lib/without-secrets.ts'
import type { Answer } from './http/exchange.ts'
import { type CacheCounts, cacheCounts, counter, durations, gauge } from './telemetry/metrics.ts'
import type { Durations } from './telemetry/metrics.ts'
import {
  failSpan,
  isTracing,
  noteInSpan,
  traced,
  tracedStep,
  traceHeaders,
} from './telemetry/tracing.ts'

/**
 * What happens is told here, once: a helper for each kind of event counts it, times it and, while
 * traces are collected, makes a span of it.
 */

/** An operation of the API, or one event of a subscription. */
export interface OperationEvent {
  /** `query`, `mutation` or `subscription`; undefined when it was refused before that was known. */
  kind: string | undefined
  /** The client's own name for it. */
  name: string | null | undefined
  requestId: string
}

const operations = durations(
  'operation',
  'Operations of the API by kind and by the code of their first error.',
  ['kind'],
)

/** A span around an operation: neither its document nor its variables are in it. */
export function traceOperation<T>(event: OperationEvent, work: () => Promise<T>): Promise<T> {
  if (!isTracing()) return work()
  const kind = event.kind ?? 'operation'
  const attributes = {
    'graphql.operation.type': kind,
    'graphql.operation.name': clean(event.name),
    'gateway.request_id': event.requestId,
  }
  return traced(kind, attributes, work)
}

/** Codes of its errors as the client sees them; none when all went well. */
export function operationEnded(
  kind: string | undefined,
  codes: readonly string[],
  startedAt: number,
): void {
  operations([kind ?? 'refused', codes[0] ?? 'ok'], startedAt)
  if (codes.length === 0) return
  noteInSpan('gateway.error_codes', [...codes])
  failSpan()
}

const maxNameLength = 100

function clean(name: string | null | undefined): string {
  return withoutSecrets(name ?? '').slice(0, maxNameLength)
}

const postgres = durations('postgres', 'Round trips of reads, and transactions.', ['kind'])

export function postgresTrip<T>(work: () => Promise<T>): Promise<T> {
  return timed(postgres, 'trip', () => tracedStep('postgres trip', onPostgres, work))
}

export function postgresTransaction<T>(work: () => Promise<T>): Promise<T> {
  return timed(postgres, 'transaction', () => tracedStep('postgres transaction', onPostgres, work))
}

const onPostgres = { 'db.system.name': 'postgresql' }

const requests = durations('neighbour_request', 'Requests over HTTP, by status or failure.', [
  'neighbour',
  'method',
])

/** One request, whatever repeats there may be; `send` is given the headers that go on with the trace. */
export async function neighbourRequest(
  neighbour: string,
  method: string,
  send: (headers: Record<string, string> | undefined) => Promise<Answer>,
): Promise<Answer> {
  const startedAt = performance.now()
  let outcome = 'failed'
  try {
    const about = { 'server.name': neighbour, 'http.request.method': method }
    return await tracedStep(`${neighbour} request`, about, async () => {
      const answer = await send(traceHeaders())
      outcome = String(answer.status)
      noteInSpan('http.response.status_code', answer.status)
      return answer
    })
  } catch (error) {
    outcome = outcomeOf(error)
    throw error
  } finally {
    requests([neighbour, method, outcome], startedAt)
  }
}

const bigquery = durations('bigquery', 'Queries and load jobs.', ['kind'], 'slow')

export function bigqueryQuery<T>(template: string, work: () => Promise<T>): Promise<T> {
  const about = { 'db.system.name': 'bigquery', 'db.query.summary': template }
  return timed(bigquery, 'query', () => traced('bigquery query', about, work))
}

export function bigqueryLoad<T>(table: string, work: () => Promise<T>): Promise<T> {
  const about = { 'db.system.name': 'bigquery', 'db.collection.name': table }
  return timed(bigquery, 'load', () => traced('bigquery load', about, work))
}

const llm = durations('llm_call', 'Requests to language models.', ['provider'], 'slow')

export function llmCall<T>(provider: string, work: () => Promise<T>): Promise<T> {
  const about = { 'gen_ai.provider.name': provider }
  return timed(llm, provider, () => traced('llm call', about, work))
}

const tasks = durations('task', 'Runs of background tasks.', ['task'], 'slow')

/** A run that looks whether there is something to do; only larger steps in it are traced. */
export function periodicTask<T>(name: string, work: () => Promise<T>): Promise<T> {
  return timed(tasks, name, work)
}

export function queuedTask<T>(name: string, work: () => Promise<T>): Promise<T> {
  return timed(tasks, name, () => traced(`task ${name}`, {}, work))
}

const alarms = counter('document_alarms', 'Rows of ZeroDB that must not have been there.', 'kind')

export function documentAlarm(kind: string): void {
  alarms.inc({ kind })
}

const connections = gauge('connections_open', 'WebSockets and streams.', 'transport')

/** Counts while it is held. */
export function openConnection(transport: 'websocket' | 'stream'): Disposable {
  connections.inc({ transport })
  return { [Symbol.dispose]: () => connections.dec({ transport }) }
}

/** `bodies` are documents of ZeroDB, `copies` what was read from the recovery copy. */
export const bodyCache: CacheCounts = cacheCounts('bodies')
export const copyCache: CacheCounts = cacheCounts('copies')

async function timed<T>(record: Durations, label: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  let outcome = 'ok'
  try {
    return await work()
  } catch (error) {
    outcome = outcomeOf(error)
    throw error
  } finally {
    record([label, outcome], startedAt)
  }
}

/** `refused` is an expected answer, `abandoned` a caller who left; the rest is a neighbour's failure or ours. */
function outcomeOf(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof DomainError && !('failure' in cause)) return 'refused'
    if (cause.name === 'AbortError') return 'abandoned'
    if ('failure' in cause && typeof cause.failure === 'string') return cause.failure
  }
  return 'failed'
}
