import {
  type DocumentNode,
  getOperationAST,
  GraphQLError,
  type GraphQLSchema,
  type OperationTypeNode,
} from 'graphql'
import type { Charge, CostReport } from '../graphql/charge.ts'
import { refuseUncleanText } from '../graphql/clean-text.ts'
import { refuseLargeVariables } from '../graphql/input-limits.ts'
import { type Access, newAccess } from '../lib/access.ts'
import type { OperationCost } from '../graphql/operation-cost.ts'
import { untilAborted } from '../lib/until-aborted.ts'
import type { Origin, Viewer } from '../lib/viewer.ts'
import { newPlan, type Plan } from '../platform/plan.ts'
import type { Endpoint } from './endpoint.ts'
import { hideSchema } from './hide-schema.ts'
import { findText } from './trusted-operation.ts'
import { asGraphqlError, presentErrors, unauthenticated } from './present-errors.ts'
import type { Denial } from './rate-limits.ts'
import { tellOperation } from './tell-operation.ts'

/** Who asks, over whichever transport. */
export interface Caller {
  authorization: string | undefined
  origin: Origin
  /** Aborts when nobody waits for the answer any more. */
  signal: AbortSignal
}

/** What a client asks for, as it came. */
export interface OperationParams {
  /** Empty when it is asked for by the id of a trusted document. */
  query: string
  operationName?: string | null | undefined
  variables?: Record<string, unknown> | null | undefined
  extensions?: Record<string, unknown> | null | undefined
}

/** An operation that may be executed, by this viewer. */
export interface Operation {
  schema: GraphQLSchema
  document: DocumentNode
  /** Null when it came as a text. */
  documentId: string | null
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
  cost: OperationCost
  charge: Charge
}

/** Why it is not executed, as the client may see it. */
export interface Refusal {
  errors: readonly GraphQLError[]
  extensions?: { cost: CostReport }
  /** Where HTTP has words of its own for it. */
  http?: RefusalHttp
}

export interface RefusalHttp {
  status: number
  headers: Record<string, string>
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
  endpoint: Endpoint,
  params: OperationParams,
  text: string | undefined,
  { authorization, origin, signal }: Caller,
  { plan, startedAt }: Pick<Operation, 'plan' | 'startedAt'>,
): Promise<Operation | Refusal> {
  const { services, profile, admission, authenticate, apiFor, rateLimits } = endpoint
  const { query, operationName, variables } = params
  const { log } = services
  try {
    refuseLargeVariables(variables)
    refuseUncleanText(text, { query, variables })
    const authenticating = authenticate({ authorization, ip: origin.ip }, { plan })
    const bearer = await untilAborted(authenticating, signal)
    if (!bearer) return refuseStranger(endpoint, origin)
    const { viewer } = bearer
    admission.recognize(authorization, viewer.tenantId)
    const { schema, prepareOperation } = apiFor(viewer)
    const { body, documentId } = await findText(endpoint, params, viewer, plan)
    const prepared = prepareOperation(body)
    if ('errors' in prepared) {
      const shown = presentErrors(prepared.errors, log, origin)
      return { errors: hideSchema(profile, shown, { query: body, variables }) }
    }
    const { document, costs } = prepared
    const definition = getOperationAST(document, operationName)
    const cost = (definition && costs.get(definition)?.(variables)) ?? noCost
    const charge = rateLimits.charge(viewer, cost)
    if ('error' in charge) return deny(charge)
    const kind = definition?.operation
    const name = definition?.name?.value
    const asked = { schema, document, operationName, variableValues: variables, kind, name }
    return { ...asked, documentId, viewer, plan, cost, charge, access: newAccess(), startedAt }
  } catch (error) {
    return { errors: presentErrors([asGraphqlError(error)], log, origin) }
  }
}

/** Of a document that has no such operation; execution says so. */
const noCost: OperationCost = { cost: 0, fixed: 0, nodes: 0 }

export function deny({ error, cost, retryAfterMs }: Denial): Refusal {
  const seconds = retryAfterMs === undefined ? undefined : Math.ceil(retryAfterMs / 1_000)
  return {
    errors: [error],
    ...(cost && { extensions: { cost } }),
    ...(seconds !== undefined && {
      http: { status: 429, headers: { 'retry-after': `${seconds}` } },
    }),
  }
}

/** For whoever sent no credential that is any good; too many of those cost the address its patience. */
export function refuseStranger({ rateLimits }: Endpoint, { ip }: Origin): Refusal {
  const denial = rateLimits.chargeFailure(ip)
  return denial ? deny(denial) : nobody()
}

/** For whoever cannot be told apart from nobody. */
export function nobody(): Refusal {
  const { message, extensions } = unauthenticated
  return {
    errors: [new GraphQLError(message, { extensions })],
    http: { status: 401, headers: { 'www-authenticate': 'Bearer' } },
  }
}
