import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ExecutionResult, GraphQLError } from 'graphql'
import type { RefusalHttp } from './operation.ts'

/** Who was refused may come again no sooner. */
const retryAfterMs = 1_000

/** How HTTP says it. */
export const overloadedHttp: RefusalHttp = {
  status: 503,
  headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) },
}

/** For whoever is refused because there is more to do than can be done. */
export function overloaded(): GraphQLError {
  const message = 'There is too much to do right now. Nothing was changed; try again later.'
  return new GraphQLError(message, { extensions: { code: 'OVERLOADED', retryAfterMs } })
}

/** Whether nothing came of an operation but that. */
export function isOverloaded({ data, errors }: ExecutionResult): boolean {
  return data == null && errors?.[0]?.extensions['code'] === 'OVERLOADED'
}

// Made once: under load there are more refusals than answers. Node sends a text with its headers, in one write.
const body = JSON.stringify({ errors: [overloaded()] })
const headers = Object.entries({
  ...overloadedHttp.headers,
  'content-type': 'application/json; charset=utf-8',
  'content-length': String(Buffer.byteLength(body)),
}).flat()
/** What is smaller is read and forgotten; a larger request costs more to read than its connection. */
const worthReadingBytes = 64 * 1024

/** Answers before anything of the request's body has been read; `others` are names and values by turns. */
export function refuseOverloaded(
  request: IncomingMessage,
  response: ServerResponse,
  others: readonly string[] = [],
): void {
  const isLarge = Number(request.headers['content-length'] ?? Infinity) > worthReadingBytes
  const ending = isLarge ? ['connection', 'close'] : []
  response.writeHead(overloadedHttp.status, [...headers, ...others, ...ending]).end(body)
}
