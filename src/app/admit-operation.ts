import { getOperationAST, GraphQLError } from 'graphql'
import { refuseUncleanText } from '../graphql/clean-text.ts'
import { refuseLargeVariables } from '../graphql/input-limits.ts'
import type { OperationCost } from '../graphql/operation-cost.ts'
import { newAccess } from '../lib/access.ts'
import { untilAborted } from '../lib/until-aborted.ts'
import type { Origin } from '../lib/viewer.ts'
import { newPlan } from '../platform/plan.ts'
import type { Endpoint } from './endpoint.ts'
import { hideSchema } from './hide-schema.ts'
import type { Caller, Operation, OperationParams, Refusal } from './operation.ts'
import { asGraphqlError, presentErrors, unauthenticated } from './present-errors.ts'
import type { Denial } from './rate-limits.ts'
import { tellOperation } from './tell-operation.ts'
import { findText } from './trusted-operation.ts'

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
    const finding = findText(endpoint, params, viewer, plan)
    const { body, documentId } = await untilAborted(finding, signal)
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
