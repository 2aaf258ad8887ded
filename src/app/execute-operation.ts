import {
  createSourceEventStream,
  type DocumentNode,
  execute,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  OperationTypeNode,
  getOperationAST,
} from 'graphql'
import { refuseUncleanText } from '../graphql/clean-text.ts'
import { createContext } from '../graphql/context.ts'
import { refuseLargeVariables } from '../graphql/input-limits.ts'
import type { Origin } from '../lib/viewer.ts'
import { newPlan } from '../platform/plan.ts'
import { startDeadline } from './deadline.ts'
import type { Endpoint } from './endpoint.ts'
import { asGraphqlError, presentErrors, unauthenticated } from './present-errors.ts'

/** Who is connected for longer than one answer takes. */
export interface Caller {
  authorization: string
  origin: Origin
  /** Aborts when the connection ends. */
  signal: AbortSignal
}

/** What a client asks for, as it came. */
export interface OperationParams {
  query: string
  operationName?: string | null | undefined
  variables?: Record<string, unknown> | null | undefined
}

/** An operation that may be executed. */
export interface Operation {
  schema: GraphQLSchema
  document: DocumentNode
  operationName: string | null | undefined
  variableValues: Record<string, unknown> | null | undefined
}

export type Results = AsyncGenerator<ExecutionResult, void>

/** Refuses what cannot be right, as over HTTP; `text` is the message that `params` came in. */
export function readOperation(
  { schema, services, prepareOperation }: Endpoint,
  params: OperationParams,
  text: string | undefined,
  origin: Origin,
): Operation | { errors: readonly GraphQLError[] } {
  const { query, operationName, variables } = params
  try {
    refuseLargeVariables(variables)
    refuseUncleanText(text, { query, variables })
    const prepared = prepareOperation(query)
    if ('errors' in prepared) {
      return { errors: presentErrors(prepared.errors, services.log, origin) }
    }
    return { schema, document: prepared.document, operationName, variableValues: variables }
  } catch (error) {
    return { errors: presentErrors([asGraphqlError(error)], services.log, origin) }
  }
}

/** Undefined when a document has no such operation, or several and none is named. */
export function kindOf({ document, operationName }: Operation): OperationTypeNode | undefined {
  return getOperationAST(document, operationName)?.operation
}

/** One result for a query or mutation, and the results of a subscription one by one. */
export function perform(
  endpoint: Endpoint,
  operation: Operation,
  caller: Caller,
): Promise<Results | ExecutionResult> {
  return kindOf(operation) === OperationTypeNode.SUBSCRIPTION
    ? subscribe(endpoint, operation, caller)
    : executeOnce(endpoint, operation, caller)
}

/**
 * A result for each event, executed in a context of its own: what was loaded for one event must not
 * be shown with the next, and the viewer may do by then what they could not before, or nothing any
 * more. The deadline is each event's; the subscription has none.
 */
async function subscribe(
  endpoint: Endpoint,
  operation: Operation,
  caller: Caller,
): Promise<Results | ExecutionResult> {
  const end = new AbortController()
  const { signal } = end
  const leave = () => end.abort()
  caller.signal.addEventListener('abort', leave, { once: true, signal })
  if (caller.signal.aborted) leave()
  try {
    const source = await openSource(endpoint, operation, { ...caller, signal })
    if (Symbol.asyncIterator in source) {
      return endingWith(end, executeEach(endpoint, operation, { ...caller, signal }, source))
    }
    leave()
    return present(endpoint, source, caller)
  } catch (error) {
    leave()
    return present(endpoint, { errors: [asGraphqlError(error)] }, caller)
  }
}

async function openSource(
  { services, authenticate }: Endpoint,
  operation: Operation,
  { authorization, origin, signal }: Caller,
): Promise<AsyncIterable<unknown> | ExecutionResult> {
  const bearer = await authenticate(authorization)
  if (!bearer) return { errors: [nobody()] }
  const { viewer } = bearer
  const contextValue = createContext(services, { viewer, signal, plan: newPlan(), origin })
  return createSourceEventStream({ ...operation, contextValue })
}

async function* executeEach(
  endpoint: Endpoint,
  operation: Operation,
  caller: Caller,
  source: AsyncIterable<unknown>,
): Results {
  try {
    for await (const event of source) yield await executeOnce(endpoint, operation, caller, event)
  } catch (error) {
    if (!caller.signal.aborted) {
      yield present(endpoint, { errors: [asGraphqlError(error)] }, caller)
    }
  }
}

/** The same results, and `end` with them; whoever returns early does so even in the midst of waiting. */
function endingWith(end: AbortController, results: Results): Results {
  return {
    async next() {
      const result = await results.next()
      if (result.done) end.abort()
      return result
    },
    return() {
      end.abort()
      return results.return()
    },
    throw(error: unknown) {
      end.abort()
      return results.throw(error)
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await this.return()
    },
  }
}

async function executeOnce(
  endpoint: Endpoint,
  operation: Operation,
  caller: Caller,
  event?: unknown,
): Promise<ExecutionResult> {
  const { services, authenticate } = endpoint
  const { origin, signal: gone } = caller
  using deadline = startDeadline(services.config.REQUEST_TIMEOUT_MS)
  gone.addEventListener('abort', deadline.leave)
  try {
    const plan = newPlan()
    const bearer = await authenticate(caller.authorization, { plan })
    if (!bearer) return { errors: [nobody()] }
    const { viewer } = bearer
    const { signal } = deadline
    const contextValue = createContext(services, { viewer, signal, plan, origin })
    const result = await execute({ ...operation, rootValue: event, contextValue })
    const { operationName } = operation
    const { requestId } = origin
    services.log.debug(
      { requestId, operationName, plan, errors: result.errors?.length ?? 0 },
      'operation',
    )
    return present(endpoint, result, caller)
  } catch (error) {
    return present(endpoint, { errors: [asGraphqlError(error)] }, caller)
  } finally {
    gone.removeEventListener('abort', deadline.leave)
  }
}

function present(
  { services }: Endpoint,
  { errors, ...result }: ExecutionResult,
  { origin }: Caller,
): ExecutionResult {
  return errors ? { errors: presentErrors(errors, services.log, origin), ...result } : result
}

function nobody(): GraphQLError {
  const { message, extensions } = unauthenticated
  return new GraphQLError(message, { extensions })
}
