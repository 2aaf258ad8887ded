import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionResult } from 'graphql'
import { createHandler, type Request, type Response } from 'graphql-http'
import { refuseUncleanText } from '../graphql/clean-text.ts'
import { type Context, createContext } from '../graphql/context.ts'
import { refuseLargeVariables } from '../graphql/input-limits.ts'
import type { Origin } from '../lib/viewer.ts'
import type { Log } from '../platform/log.ts'
import { newPlan, type Plan } from '../platform/plan.ts'
import { startDeadline } from './deadline.ts'
import type { Endpoint } from './endpoint.ts'
import { asGraphqlError, presentErrors, unauthenticated } from './present-errors.ts'
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
 * GraphQL over HTTP: authenticates, refuses what cannot be right, executes under one
 * deadline and presents every error. The protocol itself is graphql-http's, its reference.
 */
export function createGraphqlHandler(endpoint: Endpoint) {
  const { schema, services, authenticate, prepareOperation } = endpoint
  const { log, config } = services

  const handle = createHandler<IncomingMessage, Exchange, OpenContext>({
    async onSubscribe({ raw, context: exchange }, { query, variables, operationName }) {
      const { body, signal, plan, origin } = exchange
      try {
        refuseLargeVariables(variables)
        refuseUncleanText(body, { query, variables })
        const bearer = await authenticate(raw.headers.authorization, { plan })
        if (!bearer) return refusal
        const { viewer } = bearer
        const prepared = prepareOperation(query)
        if ('errors' in prepared) return presentErrors(prepared.errors, log, origin)
        return {
          schema,
          document: prepared.document,
          operationName,
          variableValues: variables,
          contextValue: createContext(services, { viewer, signal, plan, origin }) as OpenContext,
        }
      } catch (error) {
        return presentErrors([asGraphqlError(error)], log, origin)
      }
    },
    onOperation: (request, args, result) =>
      finish(log, request, args.operationName, result as ExecutionResult),
  })

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = request.method === 'POST' ? await readBody(request) : undefined
    using deadline = startDeadline(config.REQUEST_TIMEOUT_MS)
    response.once('close', deadline.leave)
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
    response.off('close', deadline.leave)
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
    ...(errors && { errors: presentErrors(errors, log, origin) }),
    ...(data !== undefined && { data }),
    ...(shown && { extensions: shown }),
  }
}

const refusal: Response = [
  JSON.stringify({ errors: [unauthenticated] }),
  {
    status: 401,
    statusText: 'Unauthorized',
    headers: { 'content-type': 'application/json; charset=utf-8', 'www-authenticate': 'Bearer' },
  },
]
