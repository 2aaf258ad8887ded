import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ExecutionResult, GraphQLError, type GraphQLSchema } from 'graphql'
import { createHandler, type Request, type Response } from 'graphql-http'
import { refuseUncleanText } from '../graphql/clean-text.ts'
import { type Context, createContext } from '../graphql/context.ts'
import { refuseLargeVariables } from '../graphql/input-limits.ts'
import { isBug, maxErrors, presentError } from '../graphql/present-error.ts'
import type { Origin } from '../lib/viewer.ts'
import type { Log } from '../platform/log.ts'
import { newPlan, type Plan } from '../platform/plan.ts'
import type { Services } from '../platform/services.ts'
import { createAuthenticate } from './authenticate.ts'
import { createPrepareOperation } from './prepare-operation.ts'
import { readBody } from './read-body.ts'

/** What belongs to one HTTP request while it is under way. */
interface Exchange {
  origin: Origin
  /** Absent when the operation came in the address. */
  body: string | undefined
  signal: AbortSignal
  plan: Plan
}

// graphql-http wants a context with an index signature; ours is closed on purpose.
type OpenContext = Context & Record<PropertyKey, unknown>

/**
 * GraphQL over HTTP for `schema`: authenticates, refuses what cannot be right, executes under one
 * deadline and presents every error. The protocol itself is graphql-http's, its reference.
 */
export function createGraphqlHandler(schema: GraphQLSchema, services: Services) {
  const { log, config } = services
  const prepareOperation = createPrepareOperation(schema)
  const authenticate = createAuthenticate(services)

  const handle = createHandler<IncomingMessage, Exchange, OpenContext>({
    async onSubscribe({ raw, context: exchange }, { query, variables, operationName }) {
      const { body, signal, plan, origin } = exchange
      try {
        refuseLargeVariables(variables)
        refuseUncleanText(body, { query, variables })
        const viewer = await authenticate(raw.headers.authorization, plan)
        if (!viewer) return unauthenticated
        const prepared = prepareOperation(query)
        if ('errors' in prepared) return presentAll(prepared.errors, log, exchange)
        return {
          schema,
          document: prepared.document,
          operationName,
          variableValues: variables,
          contextValue: createContext(services, { viewer, signal, plan, origin }) as OpenContext,
        }
      } catch (error) {
        const cause = error instanceof GraphQLError ? error : wrap(error)
        return presentAll([cause], log, exchange)
      }
    },
    onOperation: (request, args, result) =>
      finish(log, request, args.operationName, result as ExecutionResult),
  })

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = request.method === 'POST' ? await readBody(request) : undefined
    using deadline = startDeadline(response, config.REQUEST_TIMEOUT_MS)
    const origin = { requestId: randomUUID(), ip: request.socket.remoteAddress ?? null }
    const { method = '', url = '', headers } = request
    const context = { origin, body, signal: deadline.signal, plan: newPlan() }
    const [answer, init] = await handle({
      method,
      url,
      headers,
      body: body ?? null,
      raw: request,
      context,
    })
    response
      .writeHead(init.status, init.statusText, {
        ...init.headers,
        'x-request-id': origin.requestId,
      })
      .end(answer)
  }
}

/** Presents the errors, adds the plan for whoever asked, and writes the operation's one log line. */
function finish(
  log: Log,
  { raw, context: exchange }: Request<IncomingMessage, Exchange>,
  operationName: string | null | undefined,
  { data, errors, extensions }: ExecutionResult,
): ExecutionResult {
  const { origin, plan } = exchange
  log.debug(
    { requestId: origin.requestId, operationName, plan, errors: errors?.length ?? 0 },
    'operation',
  )
  const shown = raw.headers['x-explain'] === '1' ? { ...extensions, plan } : extensions
  return {
    ...(errors && { errors: presentAll(errors, log, exchange) }),
    ...(data !== undefined && { data }),
    ...(shown && { extensions: shown }),
  }
}

/** What clients may see of `errors`; the bugs among them go to the log as they are. */
function presentAll(errors: readonly GraphQLError[], log: Log, { origin }: Exchange) {
  for (const error of errors) {
    if (isBug(error))
      log.error(
        { requestId: origin.requestId, err: error.originalError ?? error },
        'operation failed',
      )
  }
  return errors.slice(0, maxErrors).map(presentError)
}

function wrap(cause: unknown): GraphQLError {
  const originalError = cause instanceof Error ? cause : new Error(String(cause))
  return new GraphQLError(originalError.message, { originalError })
}

/** Aborts when the client leaves or `ms` have passed; dispose it when the answer is ready. */
function startDeadline(response: ServerResponse, ms: number): Disposable & { signal: AbortSignal } {
  const controller = new AbortController()
  const abort = (reason: string, name: string) => controller.abort(new DOMException(reason, name))
  const onClose = () => abort('The client left.', 'AbortError')
  const timer = setTimeout(() => abort(`${ms} ms have passed.`, 'TimeoutError'), ms)
  response.once('close', onClose)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer)
      response.off('close', onClose)
    },
  }
}

const unauthenticated: Response = [
  JSON.stringify({
    errors: [
      {
        message: 'Send a valid token: "Authorization: Bearer …".',
        extensions: { code: 'UNAUTHENTICATED' },
      },
    ],
  }),
  {
    status: 401,
    statusText: 'Unauthorized',
    headers: { 'content-type': 'application/json; charset=utf-8', 'www-authenticate': 'Bearer' },
  },
]
