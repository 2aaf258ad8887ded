import {
  getNamedType,
  getNullableType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLOutputType,
  isCompositeType,
  isListType,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
} from 'graphql'

/** `@cost` of the IBM cost specification: replaces what a field weighs, or each item of an argument. */
export type CostDirective = {
  weight: string
}

/** `@listSize` of the same: how long a list is, or lists below the field, before anybody has read it. */
export type ListSizeDirective = {
  assumedSize?: number
  /** Numbers are the size, lists have it; the largest counts. */
  slicingArguments?: readonly string[]
  /** Fields below that are lists of this size. */
  sizedFields?: readonly string[]
  requireOneSlicingArgument?: boolean
}

type AnyField = GraphQLField<unknown, unknown>

/** Of lists that nobody has said anything about; a test sees to it that there are none. */
export const unknownSize = 10
const mutationWeight = 10

/** They read nothing but memory, and a lot of it; what stands below weighs nothing. */
const introspectionWeights = new Map([
  [SchemaMetaFieldDef, 100],
  [TypeMetaFieldDef, 10],
])

/** Points for the field itself: 1 for an object, 0 for a leaf and for a list, whose items weigh 1 each. */
export function weightOf(field: AnyField, isMutation: boolean): number {
  const weight = directiveOf<CostDirective>(field, 'cost')?.weight
  if (weight !== undefined) return Number(weight)
  const introspection = introspectionWeights.get(field)
  if (introspection !== undefined) return introspection
  if (isMutation) return mutationWeight
  return isCompositeType(getNullableType(field.type)) ? 1 : 0
}

/** Points for each item that an argument is given. */
export function itemWeightOf(argument: GraphQLArgument): number {
  return Number(directiveOf<CostDirective>(argument, 'cost')?.weight ?? 0)
}

export function listSizeOf(field: AnyField): ListSizeDirective | undefined {
  return directiveOf<ListSizeDirective>(field, 'listSize')
}

export function isObjectList(type: GraphQLOutputType): boolean {
  return isListType(getNullableType(type)) && isCompositeType(getNamedType(type))
}

function directiveOf<T>({ extensions }: AnyField | GraphQLArgument, name: string): T | undefined {
  const all = extensions['directives'] as Record<string, T> | undefined
  return all?.[name]
}
