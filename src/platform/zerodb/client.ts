import { UpstreamError } from '../../lib/errors.ts'
import type { HttpCall } from '../http.ts'
import { isStatus, neighbour } from './answers.ts'
import type { Send } from './session.ts'

/** Keys in one `$in`, as long as no source tells the real limit. */
export const keysPerQuery = 100
/** Chunks of one call that are under way at a time. */
export const chunksAtOnce = 4

export interface ZeroDbCall {
  /** Ends the call when its caller leaves or runs out of time. */
  signal?: AbortSignal | undefined
  /** Milliseconds the caller can wait, when fewer than the client's own limit. */
  deadlineMs?: number | undefined
  /** Of one answer, for a caller who knows how large what they ask for can be. */
  maxAnswerBytes?: number | undefined
}

/** Something that must never be in an answer, or should not; reported besides what is thrown. */
export interface ZeroDbAlarm {
  /** A `duplicateKey` is harmless: everybody chooses the same row. The others are refused. */
  kind: 'foreignRow' | 'unaskedRow' | 'duplicateKey' | 'corruptBody'
  tenantId: string
  table: string
  /** Our own key of the row meant. */
  key: string
}

/** What the methods share. */
export interface Client {
  send: Send
  /** Path of a table, or of the list of tables. */
  pathOf(table?: string): string
  filterKey: string
  alarm(alarm: ZeroDbAlarm): void
}

export function createClient(
  send: Send,
  databasePath: string,
  options: Pick<Client, 'filterKey' | 'alarm'>,
): Client {
  const tables = `${databasePath}/tables`
  return {
    ...options,
    send: checkRoutes(send),
    pathOf: (table) => (table === undefined ? tables : `${tables}/${encodeURIComponent(table)}`),
  }
}

/** Says of a path that ZeroDB does not have that our settings are wrong, and not that a row is missing. */
export function checkRoutes(send: Send): Send {
  return async (call) => {
    try {
      return await send(call)
    } catch (error) {
      throw isStatus(error, 404, missingRoute) ? configurationError(call, error) : error
    }
  }
}

/** What FastAPI answers for a path it does not have; a missing row or table is named. */
const missingRoute = /^\s*(?:Not Found|\{\s*"detail"\s*:\s*"Not Found"\s*\})\s*$/

function configurationError({ method, path }: HttpCall, cause: unknown): UpstreamError {
  const message = `has no ${method} ${path}: check its base URL and path prefix`
  return new UpstreamError(neighbour, 'rejected', message, { cause })
}

/** The call with what is left of its time, for an operation that needs several requests. */
export function countDown(call: ZeroDbCall): () => ZeroDbCall {
  const { deadlineMs } = call
  if (deadlineMs === undefined) return () => call
  const endsAt = performance.now() + deadlineMs
  return () => ({ ...call, deadlineMs: Math.max(0, endsAt - performance.now()) })
}

export function chunk<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size))
}
