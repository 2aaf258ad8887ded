import {
  createSourceEventStream,
  type ExecutionResult,
  type GraphQLError,
  OperationTypeNode,
} from 'graphql'
import { createContext } from '../graphql/context.ts'
import { execute } from '../graphql/executor/execute.ts'
import { newAccess } from '../lib/access.ts'
import { newPlan } from '../platform/plan.ts'
import { traceOperation } from '../platform/telemetry.ts'
import { deny, nobody } from './admit-operation.ts'
import { inTime, startDeadline } from './deadline.ts'
import type { Endpoint } from './endpoint.ts'
import { hideSchema } from './hide-schema.ts'
import type { Caller, Operation } from './operation.ts'
import { asGraphqlError, presentErrors } from './present-errors.ts'
import { rootFieldsOf } from './root-fields.ts'
import { tellOperation } from './tell-operation.ts'

export type Results = AsyncGenerator<ExecutionResult, void>

/** Executes once; `signal` is its deadline. Never rejects: whatever is thrown is an error in the result. */
export function executeOnce(
  endpoint: Endpoint,
  operation: Operation,
  { origin }: Pick<Caller, 'origin'>,
  signal: AbortSignal,
  event?: unknown,
): Promise<ExecutionResult> {
  const { services, admission } = endpoint
  const { schema, document, operationName, variableValues, viewer } = operation
  const { kind, name, plan, charge, access } = operation
  return traceOperation({ kind, name, requestId: origin.requestId }, async () => {
    using _place = admission.hold(viewer.tenantId)
    try {
      const asked = { viewer, signal, plan, charge, access, origin }
      const contextValue = createContext(services, asked)
      const args = { schema, document, operationName, variableValues, contextValue }
      const result = await inTime(execute({ ...args, rootValue: event }), signal)
      return await end(endpoint, operation, { origin }, result)
    } catch (error) {
      return await end(endpoint, operation, { origin }, { errors: [asGraphqlError(error)] })
    }
  })
}

/**
 * Where every operation ends, and every event of a subscription: settles its charge, presents its errors,
 * tells of it, counts it for the key that asked, and records what only few may read or was denied.
 */
async function end(
  endpoint: Endpoint,
  operation: Operation,
  { origin }: Pick<Caller, 'origin'>,
  { errors, ...result }: ExecutionResult,
): Promise<ExecutionResult> {
  const { log } = endpoint.services
  const shown = errors && presentErrors(errors, log, origin)
  const cost = operation.charge.settle(operation.plan.nodes)
  tellOperation(log, origin, operation, shown)
  noteUsage(endpoint, operation, cost.actual, errors !== undefined)
  await recordAccess(endpoint, operation, { origin })
  return {
    ...(shown && {
      errors: result.data === undefined ? hidden(endpoint, operation, shown) : shown,
    }),
    ...result,
    extensions: { ...result.extensions, cost },
  }
}

/** Nothing was executed: the errors are about the request. */
function hidden(
  { profile }: Endpoint,
  { document, variableValues: variables }: Operation,
  errors: readonly GraphQLError[],
): readonly GraphQLError[] {
  return hideSchema(profile, errors, { query: document.loc?.source.body ?? '', variables })
}

function recordAccess(
  { accessAudit }: Endpoint,
  { viewer, access, kind, document, operationName }: Operation,
  { origin }: Pick<Caller, 'origin'>,
): Promise<void> {
  const isMutation = kind === OperationTypeNode.MUTATION
  const fields = () => [...rootFieldsOf(document, operationName)]
  return accessAudit.record({ viewer, origin, access, isMutation, fields })
}

function noteUsage(
  { usage }: Endpoint,
  { viewer: { tenantId, apiKey }, name, documentId, startedAt }: Operation,
  cost: number,
  failed: boolean,
): void {
  if (!apiKey) return
  const durationMs = performance.now() - startedAt
  const call = { operationName: name, documentId, cost, durationMs, failed }
  usage.note({ tenantId, apiKeyId: apiKey.id, ...call })
}

/** One result for a query or mutation, and the results of a subscription one by one. */
export function perform(
  endpoint: Endpoint,
  operation: Operation,
  caller: Caller,
): Promise<Results | ExecutionResult> {
  return operation.kind === OperationTypeNode.SUBSCRIPTION
    ? subscribe(endpoint, operation, caller)
    : executeInTime(endpoint, operation, caller)
}

async function executeInTime(
  endpoint: Endpoint,
  operation: Operation,
  caller: Caller,
  event?: unknown,
): Promise<ExecutionResult> {
  const { signal: gone } = caller
  using deadline = startDeadline(endpoint.services.config.REQUEST_TIMEOUT_MS)
  gone.addEventListener('abort', deadline.leave)
  try {
    return await executeOnce(endpoint, operation, caller, deadline.signal, event)
  } finally {
    gone.removeEventListener('abort', deadline.leave)
  }
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
  const over = new AbortController()
  const { signal } = over
  const leave = () => over.abort()
  caller.signal.addEventListener('abort', leave, { once: true, signal })
  if (caller.signal.aborted) leave()
  const connected = { ...caller, signal }
  try {
    const source = await openSource(endpoint, operation, connected)
    if (Symbol.asyncIterator in source) {
      await recordAccess(endpoint, operation, caller)
      return endingWith(over, executeEach(endpoint, operation, connected, source))
    }
    leave()
    return await end(endpoint, operation, caller, source)
  } catch (error) {
    leave()
    return await end(endpoint, operation, caller, { errors: [asGraphqlError(error)] })
  }
}

function openSource(
  { services }: Endpoint,
  { schema, document, operationName, variableValues, ...operation }: Operation,
  { origin, signal }: Caller,
): Promise<AsyncIterable<unknown> | ExecutionResult> {
  const { viewer, plan, charge, access } = operation
  const contextValue = createContext(services, { viewer, signal, plan, charge, access, origin })
  return createSourceEventStream({ schema, document, operationName, variableValues, contextValue })
}

async function* executeEach(
  endpoint: Endpoint,
  operation: Operation,
  caller: Caller,
  source: AsyncIterable<unknown>,
): Results {
  try {
    for await (const event of source) {
      const charge = endpoint.rateLimits.charge(operation.viewer, operation.cost)
      if ('error' in charge) {
        const { errors, extensions } = deny(charge)
        yield { errors, ...(extensions && { extensions }) }
        return
      }
      yield await executeEvent(endpoint, { ...operation, charge }, caller, event)
    }
  } catch (error) {
    if (!caller.signal.aborted) {
      yield await end(endpoint, operation, caller, { errors: [asGraphqlError(error)] })
    }
  }
}

async function executeEvent(
  endpoint: Endpoint,
  operation: Operation,
  caller: Caller,
  event: unknown,
): Promise<ExecutionResult> {
  const plan = newPlan()
  const startedAt = performance.now()
  const { authorization, origin } = caller
  const bearer = await endpoint.authenticate({ authorization, ip: origin.ip }, { plan })
  if (!bearer) return { errors: nobody().errors }
  const { viewer } = bearer
  const current = { ...operation, viewer, plan, access: newAccess(), startedAt }
  return executeInTime(endpoint, current, caller, event)
}

/** The same results, and `over` with them; whoever returns early does so even in the midst of waiting. */
function endingWith(over: AbortController, results: Results): Results {
  return {
    async next() {
      const result = await results.next()
      if (result.done) over.abort()
      return result
    },
    return() {
      over.abort()
      return results.return()
    },
    throw(error: unknown) {
      over.abort()
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
