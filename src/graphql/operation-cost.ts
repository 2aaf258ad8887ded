import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  type GraphQLError,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  type InlineFragmentNode,
  isCompositeType,
  isIntrospectionType,
  isUnionType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  typeFromAST,
  TypeMetaFieldDef,
} from 'graphql'
import {
  type Count,
  countAsked,
  type Defaults,
  defaultsOf,
  valueOf,
  type Variables,
} from './argument-count.ts'
import { isObjectList, itemWeightOf, listSizeOf, unknownSize, weightOf } from './field-cost.ts'
import { limitExceeded, maxInt, shown } from './limit-exceeded.ts'

/** No operation may cost more, whoever sends it. */
export const maxOperationCost = 2_000

/** What an operation comes to before it is executed. */
export interface OperationCost {
  /** In points. */
  cost: number
  /** Those of them that stand in no list: they are spent however short the lists turn out to be. */
  fixed: number
  /** Items of lists. */
  nodes: number
}

export function tooCostly(cost: number, allowed: number): GraphQLError {
  const advice = 'Ask for fewer nodes: smaller `first` values, or fewer nested lists.'
  return limitExceeded(`costs ${shown(cost)} points`, allowed, advice)
}

/** The cost of an operation with its variables, as they came; takes microseconds and never throws. */
export type CostOf = (variables?: Variables | null) => OperationCost

export interface CompiledCosts {
  costs: ReadonlyMap<OperationDefinitionNode, CostOf>
  /** Fields that are kept for it. */
  size: number
}

/** For a document that is valid and within its limits. */
export function compileCosts(schema: GraphQLSchema, document: DocumentNode): CompiledCosts {
  const costs = new Map<OperationDefinitionNode, CostOf>()
  let size = 0
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue
    const compiled = compileOperation(schema, document, definition)
    costs.set(definition, compiled.costOf)
    size += compiled.size
  }
  return { costs, size }
}

/** A field that costs something, or has something below it that does. */
interface CostNode {
  weight: number
  /** Of arguments, and what each weighs. */
  items: { weight: number; count: Count }[]
  /** Null when it is no list. */
  size: Count | null
  below: CostNode[]
}

/** Fragments may unfold to many times what is written; what goes beyond costs too much. */
const maxSelections = 10_000
const beyondMeasure: OperationCost = { cost: maxInt, fixed: maxInt, nodes: maxInt }

function compileOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): { costOf: CostOf; size: number } {
  const nodes = unfold(schema, document, operation)
  if (!nodes) return { costOf: () => beyondMeasure, size: 0 }
  if (nodes.some(varies)) {
    return { costOf: (variables) => sumOf(nodes, variables ?? {}), size: nodes.reduce(addSize, 0) }
  }
  const constant = sumOf(nodes, {})
  return { costOf: () => constant, size: 0 }
}

function varies({ items, size, below }: CostNode): boolean {
  const counts = [size, ...items.map(({ count }) => count)]
  return counts.some((count) => typeof count === 'function') || below.some(varies)
}

function addSize(sum: number, { below }: CostNode): number {
  return below.reduce(addSize, sum + 1)
}

function sumOf(nodes: readonly CostNode[], variables: Variables): OperationCost {
  const sum = { cost: 0, fixed: 0, nodes: 0 }
  for (const { weight, items, size, below } of nodes) {
    const inner = sumOf(below, variables)
    let own = weight
    for (const item of items) own += item.weight * valueOf(item.count, variables)
    const listed = size === null ? 0 : valueOf(size, variables)
    const times = size === null ? 1 : listed
    sum.cost = saturate(sum.cost + own + listed + times * inner.cost)
    sum.fixed = saturate(sum.fixed + own + (size === null ? inner.fixed : 0))
    sum.nodes = saturate(sum.nodes + listed + times * inner.nodes)
  }
  return sum
}

function saturate(sum: number): number {
  return Math.min(sum, maxInt)
}

type AnyField = GraphQLField<unknown, unknown>

/** What is answered together: a field under one name in one place, however often it is written. */
interface Group {
  field: AnyField
  weight: number
  node: FieldNode
  sets: SelectionSetNode[]
}

/** Lists below a field that are as long as its arguments say. */
interface Sized {
  fields: readonly string[]
  count: Count
}

/** The operation as it will be executed, its fragments in place; null when there is no end to it. */
function unfold(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): CostNode[] | null {
  const fragments = fragmentsOf(document)
  const defaults = defaultsOf(operation)
  let selections = 0

  const unfoldSets = (
    sets: readonly SelectionSetNode[],
    parent: GraphQLCompositeType,
    sized?: Sized,
  ): CostNode[] => {
    const groups = new Map<string, Group>()
    const spread = new Set<string>()
    const collect = (set: SelectionSetNode, type: GraphQLCompositeType): void => {
      for (const selection of set.selections) {
        if (++selections > maxSelections) return
        if (selection.kind === Kind.FIELD) addTo(groups, schema, type, selection)
        else if (selection.kind === Kind.INLINE_FRAGMENT) collectFragment(selection, type)
        else if (!spread.has(selection.name.value)) {
          spread.add(selection.name.value)
          collectFragment(fragments.get(selection.name.value), type)
        }
      }
    }
    const collectFragment = (fragment: Fragment | undefined, around: GraphQLCompositeType) => {
      if (!fragment) return
      const condition = fragment.typeCondition && typeFromAST(schema, fragment.typeCondition)
      collect(fragment.selectionSet, isCompositeType(condition) ? condition : around)
    }
    for (const set of sets) collect(set, parent)
    return [...groups.values()].map((group) => unfoldGroup(group, sized)).filter(matters)
  }

  const unfoldGroup = (
    { field, weight, node, sets }: Group,
    sized: Sized | undefined,
  ): CostNode => {
    const isList = isObjectList(field.type)
    const listSize = listSizeOf(field)
    const count = sized?.fields.includes(field.name)
      ? sized.count
      : isList || listSize
        ? countSliced(field, node, defaults)
        : 1
    const type = getNamedType(field.type)
    return {
      weight,
      items: itemsOf(field, node, defaults),
      size: isList ? count : null,
      below:
        isCompositeType(type) && !isIntrospectionType(type)
          ? unfoldSets(sets, type, listSize?.sizedFields && { fields: listSize.sizedFields, count })
          : [],
    }
  }

  const root = schema.getRootType(operation.operation)
  const nodes = root ? unfoldSets([operation.selectionSet], root) : []
  return selections > maxSelections ? null : nodes
}

type Fragment = FragmentDefinitionNode | InlineFragmentNode

function fragmentsOf({ definitions }: DocumentNode): Map<string, FragmentDefinitionNode> {
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
  return new Map(fragments.map((fragment) => [fragment.name.value, fragment]))
}

function countSliced(field: AnyField, node: FieldNode, defaults: Defaults): Count {
  const { slicingArguments = [], assumedSize = unknownSize } = listSizeOf(field) ?? {}
  const slicing = field.args.filter(({ name }) => slicingArguments.includes(name))
  return countAsked(slicing, node, defaults, assumedSize)
}

/** Leaves that weigh nothing are left out. */
function matters({ weight, items, size, below }: CostNode): boolean {
  return weight > 0 || size !== null || items.length > 0 || below.length > 0
}

function itemsOf(field: AnyField, node: FieldNode, defaults: Defaults): CostNode['items'] {
  return field.args
    .map((argument) => ({ argument, weight: itemWeightOf(argument) }))
    .filter(({ weight }) => weight > 0)
    .map(({ argument, weight }) => ({
      weight,
      count: countAsked([argument], node, defaults, 0),
    }))
}

function addTo(
  groups: Map<string, Group>,
  schema: GraphQLSchema,
  type: GraphQLCompositeType,
  node: FieldNode,
): void {
  const field = fieldOf(schema, type, node.name.value)
  // `__typename` is no field of its type.
  if (!field) return
  const name = (node.alias ?? node.name).value
  const key = `${type.name}.${name}`
  const group = groups.get(key)
  const sets = node.selectionSet ? [node.selectionSet] : []
  if (group) group.sets.push(...sets)
  else {
    const weight = weightOf(field, type === schema.getMutationType())
    groups.set(key, { field, weight, node, sets })
  }
}

function fieldOf(schema: GraphQLSchema, type: GraphQLCompositeType, name: string) {
  if (type === schema.getQueryType()) {
    const meta = [SchemaMetaFieldDef, TypeMetaFieldDef].find((field) => field.name === name)
    if (meta) return meta
  }
  return isUnionType(type) ? undefined : type.getFields()[name]
}
