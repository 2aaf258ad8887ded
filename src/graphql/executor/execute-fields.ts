import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLError,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  locatedError,
  type OperationDefinitionNode,
} from 'graphql'

export type MaybePromise<T> = T | Promise<T>
export type Path = GraphQLResolveInfo['path']
export type Data = Record<string, unknown>
export type Arguments = Record<string, unknown>

/** One execution of an operation. */
export interface Execution {
  readonly schema: GraphQLSchema
  readonly operation: OperationDefinitionNode
  readonly fragments: Record<string, FragmentDefinitionNode>
  readonly rootValue: unknown
  readonly contextValue: unknown
  readonly variableValues: Record<string, unknown>
  readonly errors: FieldErrors
  /** Of fields whose arguments have variables: the same for every item of a list. */
  readonly arguments: Map<FieldPlan, Arguments>
}

/** Turns what a resolver returned into what is sent (GraphQL §6.4.3, CompleteValue). */
export type Complete = (execution: Execution, value: unknown, path: Path) => unknown

/** What is known of a field of a selection set before any object is there. */
export interface FieldPlan {
  /** Its name in the answer. */
  readonly key: string
  readonly parentType: GraphQLObjectType
  readonly definition: GraphQLField<unknown, unknown>
  readonly nodes: readonly FieldNode[]
  readonly resolve: GraphQLFieldResolver<unknown, unknown>
  /** Whether `resolve` takes its fourth parameter. */
  readonly needsInfo: boolean
  readonly isNonNull: boolean
  /** Nothing below it has a path of its own. */
  readonly isLeaf: boolean
  argumentsIn(execution: Execution): Arguments
  readonly complete: Complete
}

/** The fields of one object type that a selection set asks for, in the order of the answer. */
export interface SelectionPlan {
  readonly fields: readonly FieldPlan[]
  /** All keys with null: copies of it share their shape. */
  readonly blank: Data
}

export function executeFields(
  execution: Execution,
  { fields, blank }: SelectionPlan,
  source: unknown,
  path: Path | undefined,
): MaybePromise<Data> {
  const data = { ...blank }
  let pending: Promise<unknown>[] | undefined
  try {
    for (const field of fields) {
      const value = executeField(execution, field, source, path)
      if (!(value instanceof Promise)) data[field.key] = value
      else (pending ??= []).push(value.then((settled) => (data[field.key] = settled)))
    }
  } catch (error) {
    if (!pending) throw error
    // Those under way may fail, too, and somebody has to hear it.
    return Promise.all(pending).finally(() => {
      throw error
    }) as never
  }
  return pending ? Promise.all(pending).then(() => data) : data
}

/** One after the other, as mutations are. */
export async function executeFieldsSerially(
  execution: Execution,
  { fields, blank }: SelectionPlan,
  source: unknown,
): Promise<Data> {
  const data = { ...blank }
  for (const field of fields) {
    data[field.key] = await executeField(execution, field, source, undefined)
  }
  return data
}

function executeField(
  execution: Execution,
  field: FieldPlan,
  source: unknown,
  parentPath: Path | undefined,
): unknown {
  const path = field.isLeaf ? undefined : pathOf(field, parentPath)
  const fail = (error: unknown) =>
    execution.errors.take(error, field, path ?? pathOf(field, parentPath), field.isNonNull)
  // Leaves ignore it.
  const complete = (value: unknown) => field.complete(execution, value, path as Path)
  const resolve = () => {
    const args = field.argumentsIn(execution)
    const info = field.needsInfo
      ? infoOf(execution, field, path ?? pathOf(field, parentPath))
      : (undefined as never)
    return field.resolve(source, args, execution.contextValue, info)
  }
  return settle(resolve, complete, fail)
}

/** Completes a value, or what it will be; whatever goes wrong, now or later, is given to `fail`. */
export function settle(
  resolve: () => unknown,
  complete: (value: unknown) => unknown,
  fail: (error: unknown) => null,
): unknown {
  try {
    const value = resolve()
    const completed = value instanceof Promise ? value.then(complete) : complete(value)
    return completed instanceof Promise ? completed.then(undefined, fail) : completed
  } catch (error) {
    return fail(error)
  }
}

function pathOf({ key, parentType }: FieldPlan, prev: Path | undefined): Path {
  return { prev, key, typename: parentType.name }
}

/** What resolvers may know of where they stand. */
export function infoOf(execution: Execution, field: FieldPlan, path: Path): GraphQLResolveInfo {
  const { schema, operation, fragments, rootValue, variableValues } = execution
  const { definition, nodes, parentType } = field
  return {
    fieldName: definition.name,
    fieldNodes: nodes,
    returnType: definition.type,
    parentType,
    path,
    schema,
    fragments,
    rootValue,
    operation,
    variableValues,
  }
}

/** The errors of one execution; a place that has become null has no more of them (GraphQL §6.4.4). */
export class FieldErrors {
  readonly list: GraphQLError[] = []
  readonly #places = new Set<Path | undefined>()

  /** Null in the place of a nullable value; from any other the error goes on to what holds it. */
  take(error: unknown, { nodes }: FieldPlan, path: Path, isNonNull: boolean): null {
    const located = locatedError(error, nodes, keysOf(path))
    if (isNonNull) throw located
    this.add(located, path)
    return null
  }

  /** `path` is undefined for the answer as a whole. */
  add(error: GraphQLError, path: Path | undefined): void {
    if (this.#isNull(path)) return
    this.#places.add(path)
    this.list.push(error)
  }

  #isNull(path: Path | undefined): boolean {
    if (this.#places.size === 0) return false
    for (let place = path; place; place = place.prev) if (this.#places.has(place)) return true
    return this.#places.has(undefined)
  }
}

function keysOf(path: Path): (string | number)[] {
  const keys: (string | number)[] = []
  for (let place: Path | undefined = path; place; place = place.prev) keys.push(place.key)
  return keys.reverse()
}
