import type { DocumentNode, GraphQLError, GraphQLSchema, OperationTypeNode } from 'graphql'
import type { Charge, CostReport } from '../graphql/charge.ts'
import type { OperationCost } from '../graphql/operation-cost.ts'
import type { Access } from '../lib/access.ts'
import type { Origin, Viewer } from '../lib/viewer.ts'
import type { Plan } from '../platform/plan.ts'

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
