import { randomUUID } from 'node:crypto'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { ExecutionArgs, ExecutionResult } from 'graphql'
import { createHandler, parseRequestParams, type Request, type Response } from 'graphql-http'
import { admitOperation, type Caller, type Operation, type Refusal } from './admit-operation.ts'
import { startDeadline } from './deadline.ts'
import type { Endpoint } from './endpoint.ts'
import { executeOnce } from './execute-operation.ts'
import { readBody } from './read-body.ts'
import { withDocumentId } from './trusted-operation.ts'

/** What belongs to one HTTP request while it is under way. */
interface Exchange {
  caller: Caller
  /** Absent when the operation came in the address. */
  body: string | undefined
  signal: AbortSignal
  /** Of a refusal, for which graphql-http has no place. */
  extensions: Refusal['extensions'] | undefined
}

// graphql-http wants a context with an index signature; ours is closed on purpose.
type Admitted = { operation: Operation; exchange: Exchange } & Record<PropertyKey, unknown>

/**
 * GraphQL over HTTP: one request, one answer, under one deadline. The protocol itself is graphql-http's,
 * its reference.
 */
export function createGraphqlHandler(endpoint: Endpoint) {
  const handle = createHandler<IncomingMessage, Exchange, Admitted>({
    parseRequestParams: (request) => parseRequestParams(withParsedBody(request)),
    async onSubscribe({ context: exchange }, params) {
      const { body, caller } = exchange
      const admitted = await admitOperation(endpoint, params, body, caller)
      if ('errors' in admitted) {
        exchange.extensions = admitted.extensions
        return refuse(admitted)
      }
      const { schema, document, operationName, variableValues } = admitted
      const contextValue: Admitted = { operation: admitted, exchange }
      return { schema, document, operationName, variableValues, contextValue }
    },
    execute({ contextValue }: ExecutionArgs) {
      const { operation, exchange } = contextValue as Admitted
      return executeOnce(endpoint, operation, exchange.caller, exchange.signal)
    },
    onOperation: ({ raw }, { contextValue }, result) =>
      raw.headers['x-explain'] === '1'
        ? explained(result as ExecutionResult, contextValue as Admitted)
        : undefined,
  })

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = request.method === 'POST' ? await readBody(request) : undefined
    using deadline = startDeadline(endpoint.services.config.REQUEST_TIMEOUT_MS)
    response.once('close', deadline.leave)
    const { method = '', url = '', headers, socket } = request
    const origin = { requestId: randomUUID(), ip: socket.remoteAddress ?? null, apiKeyId: null }
    const caller = { authorization: headers.authorization, origin }
    const exchange: Exchange = { caller, body, signal: deadline.signal, extensions: undefined }
    const [answer, init] = await handle({
      method,
      url,
      headers,
      body: body ?? null,
      raw: request,
      context: exchange,
    })
    response.off('close', deadline.leave)
    response
      .writeHead(init.status, init.statusText, {
        ...init.headers,
        'x-request-id': origin.requestId,
      })
      .end(extended(answer, exchange.extensions))
  }
}

/** graphql-http insists on a query, which may come by its id; what is no JSON it refuses in its own words. */
function withParsedBody<R extends Request<IncomingMessage, Exchange>>(request: R): R {
  const { body } = request.context
  if (body === undefined) return request
  try {
    return { ...request, body: withDocumentId(JSON.parse(body)) }
  } catch {
    return request
  }
}

/** With what it cost, for whoever asked. */
function explained(result: ExecutionResult, { operation: { plan } }: Admitted): ExecutionResult {
  return { ...result, extensions: { ...result.extensions, plan } }
}

function extended(answer: string | null, extensions: Exchange['extensions']): string | null {
  if (!extensions || answer === null) return answer
  return JSON.stringify({ ...(JSON.parse(answer) as object), extensions })
}

/** Where HTTP has no word for it, graphql-http answers as the protocol says. */
function refuse({ errors, http }: Refusal): Response | Refusal['errors'] {
  if (!http) return errors
  const { status, headers } = http
  const init = { 'content-type': 'application/json; charset=utf-8', ...headers }
  return [
    JSON.stringify({ errors }),
    { status, statusText: STATUS_CODES[status] ?? '', headers: init },
  ]
}
