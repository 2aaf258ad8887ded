import {
  type GraphQLAbstractType,
  GraphQLError,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLString,
  defaultTypeResolver,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql'
import { JsonText } from '../../lib/json-text.ts'
import {
  type Complete,
  type Execution,
  executeFields,
  type FieldPlan,
  infoOf,
  type Path,
  type SelectionPlan,
  settle,
} from './execute-fields.ts'

/** The fields below a field, for the type that its value turns out to have. */
export type PlanBelow = (execution: Execution, type: GraphQLObjectType) => SelectionPlan

/** The field is given when it is needed: it is not there yet while its completion is put together. */
export interface CompletionOptions {
  field: () => FieldPlan
  below: PlanBelow
}

/** How values of a type are completed; decided once, not for each value. */
export function completionOf(type: GraphQLOutputType, options: CompletionOptions): Complete {
  if (!isNonNullType(type)) return nullable(completionOfPresent(type, options))
  const complete = nullable(completionOfPresent(type.ofType, options))
  return (execution, value, path) => {
    const completed = complete(execution, value, path)
    if (completed !== null) return completed
    const { parentType, definition } = options.field()
    const name = `${parentType.name}.${definition.name}`
    throw new Error(`Cannot return null for non-nullable field ${name}.`)
  }
}

function nullable(complete: Complete): Complete {
  return (execution, value, path) => {
    if (value == null) return null
    if (value instanceof Error) throw value
    return complete(execution, value, path)
  }
}

function completionOfPresent(type: GraphQLOutputType, options: CompletionOptions): Complete {
  if (isListType(type)) return completeList(type.ofType, options)
  if (isLeafType(type)) return completeLeaf(type)
  if (isAbstractType(type)) return completeAbstract(type, options)
  if (isObjectType(type)) return completeObject(type, options)
  throw new Error(`${String(type)} is no type of a value.`)
}

function completeLeaf(type: GraphQLLeafType): Complete {
  const isString = type === GraphQLString
  return (_execution, value) => {
    if (isString && (typeof value === 'string' || value instanceof JsonText)) return value
    const serialized: unknown = type.serialize(value)
    if (serialized == null)
      throw new Error(`${type.name} has made ${String(serialized)} of a value.`)
    return serialized
  }
}

function completeList(itemType: GraphQLOutputType, options: CompletionOptions): Complete {
  const isNonNull = isNonNullType(itemType)
  const complete = completionOf(itemType, options)
  return (execution, list, path) => {
    const items: unknown[] = Array.isArray(list) ? list : itemsOf(list, options.field())
    const completed: unknown[] = []
    let isPending = false
    const completeItem = (index: number) => {
      const itemPath: Path = { prev: path, key: index, typename: undefined }
      return settle(
        () => items[index],
        (value) => complete(execution, value, itemPath),
        (error) => execution.errors.take(error, options.field(), itemPath, isNonNull),
      )
    }
    try {
      for (let index = 0; index < items.length; index++) {
        const item = completeItem(index)
        isPending ||= item instanceof Promise
        completed.push(item)
      }
    } catch (error) {
      // Those under way may fail, too, and somebody has to hear it.
      void Promise.allSettled(completed)
      throw error
    }
    return isPending ? Promise.all(completed) : completed
  }
}

function itemsOf(value: unknown, { parentType, definition }: FieldPlan): unknown[] {
  if (typeof value === 'object' && value !== null && Symbol.iterator in value) {
    return [...(value as Iterable<unknown>)]
  }
  const name = `${parentType.name}.${definition.name}`
  throw new GraphQLError(`Expected Iterable, but did not find one for field "${name}".`)
}

function completeObject(type: GraphQLObjectType, { field, below }: CompletionOptions): Complete {
  return (execution, value, path) => {
    const isTypeOf = type.isTypeOf?.(
      value,
      execution.contextValue,
      infoOf(execution, field(), path),
    )
    const execute = (isOfType: boolean | undefined) => {
      if (isOfType === false) throw notOfType(type, field())
      return executeFields(execution, below(execution, type), value, path)
    }
    return isTypeOf instanceof Promise ? isTypeOf.then(execute) : execute(isTypeOf)
  }
}

function completeAbstract(type: GraphQLAbstractType, options: CompletionOptions): Complete {
  const resolveType = type.resolveType ?? defaultTypeResolver
  const complete = new Map<string, Complete>()
  return (execution, value, path) => {
    const { contextValue, schema } = execution
    const go = (name: string | undefined) => {
      let completeAs = name === undefined ? undefined : complete.get(name)
      if (!completeAs) {
        const runtimeType = schema.getType(name ?? '')
        if (!isObjectType(runtimeType) || !schema.isSubType(type, runtimeType)) {
          const message = `Abstract type "${type.name}" was resolved to ${String(name)}.`
          throw new GraphQLError(message, { nodes: options.field().nodes })
        }
        completeAs = completeObject(runtimeType, options)
        complete.set(runtimeType.name, completeAs)
      }
      return completeAs(execution, value, path)
    }
    const name = resolveType(value, contextValue, infoOf(execution, options.field(), path), type)
    return name instanceof Promise ? name.then(go) : go(name as string | undefined)
  }
}

function notOfType({ name }: GraphQLObjectType, { nodes }: FieldPlan): GraphQLError {
  return new GraphQLError(`What was found is no ${name}.`, { nodes })
}
