import {
  BREAK,
  type FieldNode,
  getNullableType,
  type GraphQLArgument,
  isListType,
  Kind,
  type OperationDefinitionNode,
  type ValueNode,
  valueFromASTUntyped,
  visit,
} from 'graphql'
import { maxPageSize } from './page-arguments.ts'

export type Variables = Readonly<Record<string, unknown>>

/** A number that may depend on the variables of a request. */
export type Count = number | ((variables: Variables) => number)

export function valueOf(count: Count, variables: Variables): number {
  return typeof count === 'number' ? count : count(variables)
}

/** What variables are when a request leaves them out. */
export type Defaults = ReadonlyMap<string, unknown>

export function defaultsOf({ variableDefinitions = [] }: OperationDefinitionNode): Defaults {
  return new Map(
    variableDefinitions.flatMap(({ variable, defaultValue }) =>
      defaultValue ? [[variable.name.value, valueFromASTUntyped(defaultValue)]] : [],
    ),
  )
}

/**
 * How many items these arguments ask for, the most of them if there are several: a number is a page,
 * from 1 to 100 whatever was sent, and a list has as many as it has. `fallback` if they ask for none.
 */
export function countAsked(
  args: readonly GraphQLArgument[],
  node: FieldNode,
  defaults: Defaults,
  fallback: number,
): Count {
  const values = args.map((argument) => readArgument(argument, node, defaults))
  const count = (variables: Variables) => {
    const asked = values.map((value, index) => sizeOf(value(variables), args[index]))
    return Math.max(...asked.filter((size) => size !== undefined), 0) || fallback
  }
  const varies = args.some(({ name }) => usesVariables(argumentIn(node, name)))
  return varies ? count : count({})
}

/** Of a value as it came: it may not fit its type, which execution will say. */
function sizeOf(value: unknown, argument: GraphQLArgument | undefined): number | undefined {
  if (value === undefined || value === null) return undefined
  if (Array.isArray(value)) return Math.max(1, value.length)
  if (argument && isListType(getNullableType(argument.type))) return 1
  if (typeof value !== 'number') return undefined
  return value >= 1 ? Math.min(Math.ceil(value), maxPageSize) : 1
}

function readArgument(
  { name, defaultValue }: GraphQLArgument,
  node: FieldNode,
  defaults: Defaults,
): (variables: Variables) => unknown {
  const given = argumentIn(node, name)
  if (!given) return () => defaultValue
  if (given.kind === Kind.VARIABLE) {
    const variable = given.name.value
    const otherwise = defaults.get(variable) ?? defaultValue
    return (variables) => (variables[variable] === undefined ? otherwise : variables[variable])
  }
  return (variables) => valueFromASTUntyped(given, variables)
}

function argumentIn({ arguments: given = [] }: FieldNode, name: string): ValueNode | undefined {
  return given.find((argument) => argument.name.value === name)?.value
}

function usesVariables(value: ValueNode | undefined): boolean {
  let found = false
  if (value) {
    visit(value, {
      Variable() {
        found = true
        return BREAK
      },
    })
  }
  return found
}
