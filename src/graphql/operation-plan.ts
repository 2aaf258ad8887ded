import {
  type DocumentNode,
  getOperationAST,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  separateOperations,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import type { Scope } from '../lib/viewer.ts'
import type { Variables } from './argument-count.ts'
import { measureOperations } from './document-limits.ts'
import { compileCosts, maxOperationCost, tooCostly } from './operation-cost.ts'
import { presentError } from './present-error.ts'
import { readDocument } from './read-document.ts'

/** What can be told of an operation without executing it. */
export interface OperationPlan {
  /** Why it would be refused. */
  errors: readonly string[]
  cost: number
  depth: number
  nodes: number
  scopes: readonly Scope[]
  /** By their coordinates. */
  deprecatedFields: readonly string[]
}

interface Asked {
  document: string
  operationName?: string | null | undefined
  variables: Variables
}

const nothing = { cost: 0, depth: 0, nodes: 0, scopes: [], deprecatedFields: [] }

/** As the operation would be admitted; what cannot be read has no cost. */
export function planOperation(schema: GraphQLSchema, asked: Asked): OperationPlan {
  const read = readDocument(schema, asked.document, { showsSchema: false })
  if ('errors' in read) {
    return { ...nothing, errors: read.errors.map((error) => presentError(error).message) }
  }
  const { document } = read
  const operation = getOperationAST(document, asked.operationName)
  if (!operation) {
    return { ...nothing, errors: ['Name one of the operations of this document.'] }
  }
  const costOf = compileCosts(schema, document).costs.get(operation)
  const { cost = 0, nodes = 0 } = costOf?.(asked.variables) ?? {}
  const depth = measureOperations(document).get(operation)?.depth ?? 0
  const errors = cost > maxOperationCost ? [tooCostly(cost, maxOperationCost).message] : []
  return { errors, cost: Math.max(1, cost), depth, nodes, ...namesIn(schema, document, operation) }
}

type AnyField = GraphQLField<unknown, unknown>

/** What the fields of an operation ask of whoever sends it, and which of them will go. */
function namesIn(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): Pick<OperationPlan, 'scopes' | 'deprecatedFields'> {
  const own = separateOperations(document)[operation.name?.value ?? ''] ?? document
  const scopes = new Set<Scope>()
  const deprecated = new Set<string>()
  const types = new TypeInfo(schema)
  const note = (scope: Scope | undefined) => scope !== undefined && scopes.add(scope)
  visit(
    own,
    visitWithTypeInfo(types, {
      Field() {
        const field = types.getFieldDef()
        const parent = types.getParentType()
        if (!field || !parent) return
        note(scopeOf(field))
        note(scopeOf(parent))
        if (field.deprecationReason != null) deprecated.add(`${parent.name}.${field.name}`)
      },
    }),
  )
  return { scopes: [...scopes].toSorted(), deprecatedFields: [...deprecated].toSorted() }
}

function scopeOf({ extensions }: AnyField | GraphQLNamedType): Scope | undefined {
  const options = extensions['pothosOptions'] as { authScopes?: unknown } | undefined
  return (options?.authScopes as { scope?: Scope } | undefined)?.scope
}
