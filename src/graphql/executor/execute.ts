import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type FragmentDefinitionNode,
  getOperationAST,
  getVariableValues,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  visit,
} from 'graphql'
import {
  type Data,
  type Execution,
  executeFields,
  executeFieldsSerially,
  FieldErrors,
  type MaybePromise,
  type SelectionPlan,
} from './execute-fields.ts'
import { planOperation } from './plan-selections.ts'

type Args = Pick<
  ExecutionArgs,
  'schema' | 'document' | 'operationName' | 'variableValues' | 'contextValue' | 'rootValue'
>

/** What is remembered of an operation: as long as its document, which is remembered by its text. */
interface Prepared {
  fragments: Record<string, FragmentDefinitionNode>
  /** Variables that decide by `@skip` and `@include` what there is to plan. */
  switches: readonly string[]
  /** By the values of `switches`. */
  plans: Map<string, SelectionPlan>
}

/** Combinations of `switches` that are remembered of one operation; beyond it each is planned anew. */
const maxPlans = 4

/**
 * Executes a validated operation as graphql-js does (GraphQL §6), and answers the same. What does not
 * depend on the objects found (which fields there are, their arguments, how values of their types are
 * completed) is worked out when a document is executed first and kept with it; what is there at once makes
 * no promise. Resolvers return promises of the platform, if any.
 */
export function execute(args: Args): MaybePromise<ExecutionResult> {
  const { schema, document, operationName } = args
  const operation = getOperationAST(document, operationName)
  if (!operation) return { errors: [noOperation(operationName)] }
  const variables = getVariableValues(
    schema,
    operation.variableDefinitions ?? [],
    args.variableValues ?? {},
    { maxErrors: 50 },
  )
  if (variables.errors) return { errors: variables.errors }
  const prepared = preparedFor(schema, document, operation)
  const execution: Execution = {
    schema,
    operation,
    fragments: prepared.fragments,
    rootValue: args.rootValue,
    contextValue: args.contextValue,
    variableValues: variables.coerced,
    errors: new FieldErrors(),
    arguments: new Map(),
  }
  return run(execution, prepared)
}

function run(execution: Execution, prepared: Prepared): MaybePromise<ExecutionResult> {
  const { operation, rootValue, errors } = execution
  const result = (data: Data | null): ExecutionResult =>
    errors.list.length === 0 ? { data } : { errors: errors.list, data }
  const failed = (error: unknown) => {
    errors.add(error as GraphQLError, undefined)
    return result(null)
  }
  try {
    const plan = planFor(execution, prepared)
    const data =
      operation.operation === OperationTypeNode.MUTATION
        ? executeFieldsSerially(execution, plan, rootValue)
        : executeFields(execution, plan, rootValue, undefined)
    return data instanceof Promise ? data.then(result, failed) : result(data)
  } catch (error) {
    return failed(error)
  }
}

function noOperation(name: string | null | undefined): GraphQLError {
  return new GraphQLError(
    name == null
      ? 'Must provide operation name if query contains multiple operations.'
      : `Unknown operation named "${name}".`,
  )
}

const known = new WeakMap<GraphQLSchema, WeakMap<OperationDefinitionNode, Prepared>>()

function preparedFor(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): Prepared {
  let ofSchema = known.get(schema)
  if (!ofSchema) known.set(schema, (ofSchema = new WeakMap()))
  let prepared = ofSchema.get(operation)
  if (!prepared) {
    const fragments = fragmentsIn(document)
    prepared = { fragments, switches: switchesIn(document), plans: new Map() }
    ofSchema.set(operation, prepared)
  }
  return prepared
}

function fragmentsIn(document: DocumentNode): Prepared['fragments'] {
  const fragments: Prepared['fragments'] = Object.create(null) as Prepared['fragments']
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition
  }
  return fragments
}

function switchesIn(document: DocumentNode): string[] {
  const names = new Set<string>()
  visit(document, {
    Directive(directive) {
      for (const { value } of directive.arguments ?? []) {
        if (value.kind === Kind.VARIABLE) names.add(value.name.value)
      }
    },
  })
  return [...names]
}

function planFor(execution: Execution, { switches, plans }: Prepared): SelectionPlan {
  const { schema, operation, variableValues } = execution
  const key = switches.map((name) => String(variableValues[name])).join()
  let plan = plans.get(key)
  if (!plan) {
    const type = schema.getRootType(operation.operation)
    if (!type) throw new GraphQLError(`There is no ${operation.operation}.`, { nodes: operation })
    plan = planOperation(execution, type)
    if (plans.size < maxPlans) plans.set(key, plan)
  }
  return plan
}
