import { type ExecutionResult, OperationTypeNode } from 'graphql'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import type { Origin } from '../lib/viewer.ts'
import { openConnection } from '../platform/telemetry.ts'
import { admitOperation, refuseStranger } from './admit-operation.ts'
import { watchBearer } from './bearer.ts'
import { endLater, type Ending } from './endings.ts'
import type { Endpoint } from './endpoint.ts'
import { perform, type Results } from './execute-operation.ts'
import type { Caller, OperationParams, Refusal } from './operation.ts'
import { refuseOverloaded } from './overload.ts'
import type { Places } from './places.ts'
import { unauthenticated } from './present-errors.ts'
import { HttpError } from './http-error.ts'
import { readBody } from './read-body.ts'
import { withDocumentId } from './trusted-operation.ts'

/** Something to read this often, so that nobody in between takes the stream for dead. */
const keepAliveMs = 12_000
/** Who has not read what was sent by then is dropped. */
const maxStallMs = 24_000

export interface Streams {
  answer(request: IncomingMessage, response: ServerResponse, origin: Origin): Promise<void>
}

/** Whether the client reads results one by one, and nothing else. */
export function wantsStream({ headers: { accept = '' } }: IncomingMessage): boolean {
  return accept.includes('text/event-stream') && !accept.includes('json')
}

/**
 * The API over server-sent events: an operation a request, as in the "distinct connections mode" of
 * graphql-sse. Its own server would keep in memory what a slow reader has not read; here the next
 * result is made when the last one has been taken.
 */
export function createStreams(endpoint: Endpoint, tenants: Places, ending: Ending): Streams {
  return {
    async answer(request, response, origin) {
      const authorization = request.headers.authorization ?? ''
      const end = new AbortController()
      response.once('close', () => end.abort())
      if (!(await endpoint.admission.turn(authorization, end.signal))) {
        refuseOverloaded(request, response)
        return
      }
      const params = await readParams(request)
      const credentials = { authorization, ip: origin.ip }
      const bearer = await endpoint.authenticate(credentials)
      if (!bearer) {
        refuse(response, refuseStranger(endpoint, origin))
        return
      }
      using held = new DisposableStack()
      const place = tenants.take(bearer.viewer.tenantId)
      if (!place) throw new HttpError(429, 'Your tenant has too many connections open.')
      held.use(place)
      held.use(openConnection('stream'))
      held.use(endLater(ending, () => end.abort()))
      const onEnd = () => end.abort(expired)
      held.use(watchBearer(endpoint.authenticate, credentials, bearer, onEnd))
      const caller = { authorization, origin, signal: end.signal }
      const results = await begin(endpoint, params, caller, request.method)
      if ('http' in results) refuse(response, results)
      else await sendResults(response, results, caller)
    },
  }
}

/** Why a stream ended that its client did not end. */
const expired = Symbol('expired')

interface StreamParams extends OperationParams {
  /** Absent when the operation came in the address. */
  body?: string
}

/** Throws HttpError for what is no GraphQL request. */
async function readParams(request: IncomingMessage): Promise<StreamParams> {
  if (request.method === 'GET') {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost')
    const { variables, extensions, ...params } = Object.fromEntries(searchParams)
    return checkParams({
      ...params,
      variables: variables && parseJson(variables),
      extensions: extensions && parseJson(extensions),
    })
  }
  const body = await readBody(request)
  return { ...checkParams(parseJson(body)), body }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new HttpError(400, 'This is not valid JSON.')
  }
}

const paramsSchema = z.object({
  query: z.string(),
  operationName: z.string().nullish(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  extensions: z.record(z.string(), z.unknown()).nullish(),
})

function checkParams(params: unknown): OperationParams {
  const { data } = paramsSchema.safeParse(withDocumentId(params))
  if (data) return data
  throw new HttpError(400, 'Send query as text, or documentId; and variables as an object.')
}

/** For which HTTP has words of its own. */
type SpokenRefusal = Refusal & Required<Pick<Refusal, 'http'>>

async function begin(
  endpoint: Endpoint,
  { body, ...params }: StreamParams,
  caller: Caller,
  method: string | undefined,
): Promise<Results | ExecutionResult | SpokenRefusal> {
  const operation = await admitOperation(endpoint, params, body, caller)
  if ('errors' in operation) {
    const { http, ...result } = operation
    return http ? { ...result, http } : result
  }
  if (method === 'GET' && operation.kind === OperationTypeNode.MUTATION) {
    throw new HttpError(405, 'Use POST for mutations.', { allow: 'POST' })
  }
  return perform(endpoint, operation, caller)
}

async function sendResults(
  response: ServerResponse,
  results: Results | ExecutionResult,
  { signal }: Caller,
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    // Or it would be kept for another request, and keep an instance from stopping.
    connection: 'close',
  })
  const comment = () => response.writableLength === 0 && response.write(':\n\n')
  const timer = setInterval(comment, keepAliveMs)
  try {
    if (Symbol.asyncIterator in results) {
      // The first byte: it is subscribed, whenever the first event may come.
      comment()
      for await (const result of results) await write(response, next(result), signal)
    } else {
      await write(response, next(results), signal)
    }
  } finally {
    clearInterval(timer)
  }
  if (signal.reason === expired) response.write(next({ errors: [unauthenticated] }))
  // Cut short in the midst, it is not complete: the client is to come again.
  else if (signal.aborted) return void response.end()
  return void response.end('event: complete\ndata:\n\n')
}

function next(result: object): string {
  return `event: next\ndata: ${JSON.stringify(result)}\n\n`
}

/** Resolves when there is room for more; a reader who makes none for long is cut off. */
async function write(response: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (response.destroyed || response.write(text)) return
  const ended = AbortSignal.any([signal, AbortSignal.timeout(maxStallMs)])
  await once(response, 'drain', { signal: ended }).catch(() => response.destroy())
}

/** What is refused before there is a stream; 400 where HTTP has no word of its own. */
function refuse(response: ServerResponse, { http, ...answer }: Refusal): void {
  response
    .writeHead(http?.status ?? 400, {
      'content-type': 'application/json; charset=utf-8',
      ...http?.headers,
    })
    .end(JSON.stringify(answer))
}
