import {
  type DocumentNode,
  getOperationAST,
  GraphQLError,
  type GraphQLSchema,
  type OperationTypeNode,
} from 'graphql'
import { refuseUncleanText } from '../graphql/clean-text.ts'
import { refuseLargeVariables } from '../graphql/input-limits.ts'
import { type Access, newAccess } from '../lib/access.ts'
import type { Origin, Viewer } from '../lib/viewer.ts'
import { newPlan, type Plan } from '../platform/plan.ts'
import type { Endpoint } from './endpoint.ts'
import { asGraphqlError, presentErrors, unauthenticated } from './present-errors.ts'
import { tellOperation } from './tell-operation.ts'

/** Who asks, over whichever transport. */
export interface Caller {
  authorization: string | undefined
  origin: Origin
}

/** What a client asks for, as it came. */
export interface OperationParams {
  query: string
  operationName?: string | null | undefined
  variables?: Record<string, unknown> | null | undefined
}

/** An operation that may be executed, by this viewer. */
export interface Operation {
  schema: GraphQLSchema
  document: DocumentNode
  operationName: string | null | undefined
  variableValues: Record<string, unknown> | null | undefined
  /** Its name in the document. */
  name: string | undefined
  /** Undefined when the document has no such operation, or several and none is named. */
  kind: OperationTypeNode | undefined
  viewer: Viewer
  /** Begun with what it took to admit it. */
  plan: Plan
  access: Access
  /** As `performance.now()` has it. */
  startedAt: number
}

/** Why it is not executed, as the client may see it. */
export interface Refusal {
  errors: readonly GraphQLError[]
  /** Where HTTP has words of its own for it. */
  http?: { status: number; headers: Record<string, string> }
}

/**
 * From what a client sent to what may be executed, the cheap refusals before the dear ones; the same way
 * for every transport. `text` is the message that `params` came in, absent where there is none.
 */
export async function admitOperation(
  endpoint: Endpoint,
  params: OperationParams,
  text: string | undefined,
  caller: Caller,
): Promise<Operation | Refusal> {
  const begun = { plan: newPlan(), startedAt: performance.now() }
  const admitted = await admit(endpoint, params, text, caller, begun)
  if ('errors' in admitted) {
    const refused = { name: params.operationName, ...begun }
    tellOperation(endpoint.services.log, caller.origin, refused, admitted.errors)
  }
  return admitted
}

async function admit(
  { services, authenticate, apiFor }: Endpoint,
  { query, operationName, variables }: OperationParams,
  text: string | undefined,
  { authorization, origin }: Caller,
  { plan, startedAt }: Pick<Operation, 'plan' | 'startedAt'>,
): Promise<Operation | Refusal> {
  const { log } = services
  try {
    refuseLargeVariables(variables)
    refuseUncleanText(text, { query, variables })
    const bearer = await authenticate({ authorization, ip: origin.ip }, { plan })
    if (!bearer) return nobody()
    const { viewer } = bearer
    const { schema, prepareOperation } = apiFor(viewer)
    const prepared = prepareOperation(query)
    if ('errors' in prepared) return { errors: presentErrors(prepared.errors, log, origin) }
    const { document } = prepared
    const found = getOperationAST(document, operationName)
    const kind = found?.operation
    const name = found?.name?.value
    const operation = { schema, document, operationName, variableValues: variables, kind, name }
    return { ...operation, viewer, plan, access: newAccess(), startedAt }
  } catch (error) {
    return { errors: presentErrors([asGraphqlError(error)], log, origin) }
  }
}

/** For whoever cannot be told apart from nobody. */
export function nobody(): Refusal {
  const { message, extensions } = unauthenticated
  return {
    errors: [new GraphQLError(message, { extensions })],
    http: { status: 401, headers: { 'www-authenticate': 'Bearer' } },
  }
}
