import {
  type ConstValueNode,
  defaultFieldResolver,
  type FieldNode,
  getArgumentValues,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  isLeafType,
  getNullableType,
  isNonNullType,
  TypeNameMetaFieldDef,
  type ValueNode,
} from 'graphql'
import { collectFields, collectSubfields } from 'graphql/execution/collectFields.js'
import { getFieldDef } from 'graphql/execution/execute.js'
import { completionOf, type PlanBelow } from './complete-value.ts'
import type { Arguments, Execution, FieldPlan, SelectionPlan } from './execute-fields.ts'

type Resolver = GraphQLFieldResolver<unknown, unknown>

/** The fields of an operation itself. */
export function planOperation(execution: Execution, type: GraphQLObjectType): SelectionPlan {
  const { schema, fragments, variableValues, operation } = execution
  const { selectionSet } = operation
  return planFields(
    execution,
    type,
    collectFields(schema, fragments, variableValues, type, selectionSet),
  )
}

function planBelow(nodes: readonly FieldNode[]): PlanBelow {
  const plans = new Map<GraphQLObjectType, SelectionPlan>()
  return (execution, type) => {
    let plan = plans.get(type)
    if (!plan) {
      const { schema, fragments, variableValues } = execution
      const found = collectSubfields(schema, fragments, variableValues, type, nodes)
      plan = planFields(execution, type, found)
      plans.set(type, plan)
    }
    return plan
  }
}

function planFields(
  { schema }: Execution,
  type: GraphQLObjectType,
  nodesByKey: ReadonlyMap<string, readonly FieldNode[]>,
): SelectionPlan {
  const fields = [...nodesByKey].flatMap(([key, nodes]) => {
    const definition = getFieldDef(schema, type, nodes[0] as FieldNode)
    return definition ? planField(key, type, definition, nodes) : []
  })
  return { fields, blank: Object.fromEntries(fields.map(({ key }) => [key, null])) }
}

function planField(
  key: string,
  parentType: GraphQLObjectType,
  definition: GraphQLField<unknown, unknown>,
  nodes: readonly FieldNode[],
): FieldPlan {
  const { type } = definition
  const resolve = resolverOf(definition, parentType)
  const plan: FieldPlan = {
    key,
    parentType,
    definition,
    nodes,
    resolve,
    // Who takes none by name may take all of them by `...`.
    needsInfo: resolve.length > 3 || (resolve.length === 0 && definition.resolve === resolve),
    isNonNull: isNonNullType(type),
    isLeaf: isLeafType(getNullableType(type)),
    argumentsIn: argumentsOf(definition, nodes[0] as FieldNode, () => plan),
    complete: completionOf(type, { field: () => plan, below: planBelow(nodes) }),
  }
  return plan
}

function resolverOf(
  definition: GraphQLField<unknown, unknown>,
  parentType: GraphQLObjectType,
): Resolver {
  if (definition === TypeNameMetaFieldDef) return () => parentType.name
  return definition.resolve ?? propertyOf(definition.name)
}

/** What graphql-js does where there is no resolver, with less ado for a property that is no function. */
function propertyOf(name: string): Resolver {
  return (source, args, context, info) => {
    const value = (source as Record<string, unknown> | null | undefined)?.[name]
    return typeof value === 'function' ? defaultFieldResolver(source, args, context, info) : value
  }
}

/** Worked out once where they are the same for everybody, and else once in an execution. */
function argumentsOf(
  definition: GraphQLField<unknown, unknown>,
  node: FieldNode,
  plan: () => FieldPlan,
): FieldPlan['argumentsIn'] {
  const read = (variables: Execution['variableValues']) =>
    getArgumentValues(definition, node, variables)
  if (definition.args.length === 0) return () => nothing
  if (!node.arguments?.some(({ value }) => hasVariable(value))) {
    let known: Arguments | undefined
    return () => (known ??= frozen(read({})))
  }
  return (execution) => {
    const field = plan()
    let known = execution.arguments.get(field)
    if (!known) {
      known = read(execution.variableValues)
      execution.arguments.set(field, known)
    }
    return known
  }
}

const nothing = Object.freeze({})

function hasVariable(value: ValueNode | ConstValueNode): boolean {
  switch (value.kind) {
    case 'Variable':
      return true
    case 'ListValue':
      return value.values.some(hasVariable)
    case 'ObjectValue':
      return value.fields.some((field) => hasVariable(field.value))
    default:
      return false
  }
}

/** All executions share them: whoever changed them would change them for all. */
function frozen(args: Arguments): Arguments {
  for (const value of Object.values(args)) {
    if (typeof value === 'object' && value !== null) frozen(value as Arguments)
  }
  return Object.freeze(args)
}
