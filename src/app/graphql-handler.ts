import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { type ExecutionArgs, type ExecutionResult, GraphQLError, OperationTypeNode } from 'graphql'
import { createHandler, parseRequestParams, type Request, type Response } from 'graphql-http'
import { toJsonBytes } from '../lib/json-text.ts'
import type { Origin } from '../lib/viewer.ts'
import { admitOperation } from './admit-operation.ts'
import { startDeadline } from './deadline.ts'
import type { Endpoint } from './endpoint.ts'
import { executeOnce } from './execute-operation.ts'
import { errorBody, HttpError } from './http-error.ts'
import type { Caller, Operation, Refusal, RefusalHttp } from './operation.ts'
import { isOverloaded, overloadedHttp, refuseOverloaded } from './overload.ts'
import { readBody } from './read-body.ts'
import { withDocumentId } from './trusted-operation.ts'

/** What belongs to one HTTP request while it is under way. */
interface Exchange {
  caller: Caller
  /** Absent when the operation came in the address. */
  body: string | undefined
  /** Of a refusal, for which graphql-http has no place. */
  extensions?: Refusal['extensions']
  /** What was executed, when graphql-http is done with it but for the bytes. */
  result?: ExecutionResult
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
    async onSubscribe({ context: exchange, method }, params) {
      const { body, caller } = exchange
      const admitted = await admitOperation(endpoint, params, body, caller)
      if ('errors' in admitted) {
        exchange.extensions = admitted.extensions
        return refuse(admitted)
      }
      if (method === 'GET' && admitted.kind === OperationTypeNode.MUTATION) return postOnly
      const { schema, document, operationName, variableValues } = admitted
      const contextValue: Admitted = { operation: admitted, exchange }
      return { schema, document, operationName, variableValues, contextValue }
    },
    execute({ contextValue }: ExecutionArgs) {
      const { operation, exchange } = contextValue as Admitted
      return executeOnce(endpoint, operation, exchange.caller, exchange.caller.signal)
    },
    onOperation({ raw, context: exchange }, { contextValue }, answer) {
      const result = answer as ExecutionResult
      if (isOverloaded(result)) return respond(result, overloadedHttp)
      exchange.result =
        raw.headers['x-explain'] === '1' ? explained(result, contextValue as Admitted) : result
      return unwritten
    },
    formatError: withCode,
  })

  return async (
    request: IncomingMessage,
    response: ServerResponse,
    origin: Origin,
  ): Promise<void> => {
    using deadline = startDeadline(endpoint.services.config.REQUEST_TIMEOUT_MS)
    response.once('close', deadline.leave)
    const { signal } = deadline
    const { method = '', url = '', headers } = request
    const { authorization } = headers
    if (!(await endpoint.admission.turn(authorization, signal))) {
      response.off('close', deadline.leave)
      return refuseOverloaded(request, response)
    }
    const body = method === 'POST' ? await readBody(request) : undefined
    const caller = { authorization, origin, signal }
    const exchange: Exchange = { caller, body }
    const [answer, init] = await handle({
      method,
      url,
      headers,
      body: body ?? null,
      raw: request,
      context: exchange,
    })
    response.off('close', deadline.leave)
    if (answer === null) throw new HttpError(init.status, `${init.statusText}.`, init.headers)
    const bytes = bytesOf(answer, exchange)
    const length = { 'content-length': bytes.length }
    response.writeHead(init.status, init.statusText, { ...init.headers, ...length }).end(bytes)
  }
}

/** What graphql-http says of a request by itself has no code. */
function withCode(error: Readonly<GraphQLError | Error>): GraphQLError {
  if (error instanceof GraphQLError && error.extensions['code']) return error
  const code = error instanceof GraphQLError ? 'BAD_USER_INPUT' : 'BAD_REQUEST'
  return new GraphQLError(error.message, { extensions: { code } })
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

/** In the place of a result that is large: graphql-http need only say with which headers it is sent. */
const unwritten: ExecutionResult = { data: null }

function bytesOf(answer: string, { result, extensions }: Exchange): Buffer {
  if (result) return toJsonBytes(withCodes(result))
  if (!extensions) return Buffer.from(answer)
  return toJsonBytes({ ...(JSON.parse(answer) as object), extensions })
}

function withCodes({ errors, ...result }: ExecutionResult): ExecutionResult {
  return errors ? { errors: errors.map(withCode), ...result } : result
}

/** With what it cost, for whoever asked. */
function explained(result: ExecutionResult, { operation: { plan } }: Admitted): ExecutionResult {
  return { ...result, extensions: { ...result.extensions, plan } }
}

const json = { 'content-type': 'application/json; charset=utf-8' }

const postOnly: Response = [
  JSON.stringify(errorBody(405, 'Use POST for mutations.')),
  { status: 405, statusText: 'Method Not Allowed', headers: { ...json, allow: 'POST' } },
]

/** Where HTTP has no word for it, graphql-http answers as the protocol says. */
function refuse({ errors, http }: Refusal): Response | Refusal['errors'] {
  return http ? respond({ errors }, http) : errors
}

function respond(result: ExecutionResult, { status, headers }: RefusalHttp): Response {
  const statusText = STATUS_CODES[status] ?? ''
  return [JSON.stringify(result), { status, statusText, headers: { ...json, ...headers } }]
}
