import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { limitExceeded, shown } from './limit-exceeded.ts'

/** More tokens than any real operation has; bounds what parsing and validation can cost. */
export const maxTokens = 2_000

/** What one operation may have, its fragments counted where they are spread. */
export const documentLimits = {
  depth: 10,
  /** Below `__schema` and `__type`: as deep as the standard introspection query. */
  introspectionDepth: 15,
  rootFields: 10,
  aliases: 30,
  directives: 20,
  /** Validation compares each occurrence of a field, and each spread, with every other in one place. */
  repeats: 50,
}

/** The same measures of one operation. */
export type DocumentExtent = typeof documentLimits

const words: Record<keyof DocumentExtent, { has: string; advice: string }> = {
  depth: {
    has: 'levels of fields',
    advice: 'Begin further down, for instance with `node(id:)`, or ask in two operations.',
  },
  introspectionDepth: {
    has: 'levels of introspection',
    advice: 'The standard introspection query fits.',
  },
  rootFields: { has: 'root fields', advice: 'Send the rest in another operation.' },
  aliases: { has: 'aliases', advice: 'Send the rest in another operation.' },
  directives: { has: 'directives', advice: 'Leave fields out of the document instead.' },
  repeats: {
    has: 'occurrences of one field, or spreads, in the same place',
    advice: 'Fields of the same name are merged: select each of them once.',
  },
}

/** Why an operation of the document may not be executed; undefined when each may. */
export function findExcess(document: DocumentNode): GraphQLError | undefined {
  for (const extent of measureOperations(document).values()) {
    for (const [measure, allowed] of Object.entries(documentLimits)) {
      const name = measure as keyof DocumentExtent
      const { has, advice } = words[name]
      if (extent[name] > allowed)
        return limitExceeded(`has ${shown(extent[name])} ${has}`, allowed, advice)
    }
  }
  return undefined
}

/**
 * The extent of each operation. Each fragment is measured once, so spreads cost nothing however they
 * multiply; there must be no cycles among them.
 */
export function measureOperations(
  document: DocumentNode,
): Map<OperationDefinitionNode, DocumentExtent> {
  const fragments = new Map<string, FragmentDefinitionNode>()
  const operations: OperationDefinitionNode[] = []
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION)
      fragments.set(definition.name.value, definition)
    if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition)
  }
  const measure = createMeasure(fragments)
  return new Map(operations.map((operation) => [operation, extentOf(operation, measure)]))
}

function extentOf(
  operation: OperationDefinitionNode,
  measure: (set: SelectionSetNode) => Selected,
): DocumentExtent {
  const selected = measure(operation.selectionSet)
  const variables = operation.variableDefinitions ?? []
  const directives = [operation, ...variables].reduce(
    (sum, node) => sum + (node.directives?.length ?? 0),
    selected.directives,
  )
  return {
    depth: selected.levels,
    introspectionDepth: selected.introspectionLevels,
    rootFields: selected.fields,
    aliases: selected.aliases,
    directives,
    repeats: mostRepeated(selected),
  }
}

/** What a selection set comes to, its fragments and everything below included. */
interface Selected {
  levels: number
  /** Below the introspection fields that stand directly in it. */
  introspectionLevels: number
  fields: number
  aliases: number
  directives: number
  /** How often each response name stands in it once equal fields are merged, or a name below it. */
  names: Map<string, number>
}

const nothing = (): Selected => ({
  levels: 0,
  introspectionLevels: 0,
  fields: 0,
  aliases: 0,
  directives: 0,
  names: new Map(),
})

function createMeasure(fragments: ReadonlyMap<string, FragmentDefinitionNode>) {
  const known = new Map<string, Selected>()

  const measureFragment = (name: string): Selected => {
    const found = known.get(name)
    if (found) return found
    const fragment = fragments.get(name)
    const selected = fragment ? measureSet(fragment.selectionSet) : nothing()
    selected.directives += fragment?.directives?.length ?? 0
    known.set(name, selected)
    return selected
  }

  const measureSelection = (selection: SelectionNode): Selected => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const spread = nothing()
      spread.names.set('...', 1)
      add(spread, measureFragment(selection.name.value))
      return spread
    }
    if (selection.kind === Kind.INLINE_FRAGMENT) return measureSet(selection.selectionSet)
    const below = selection.selectionSet ? measureSet(selection.selectionSet) : nothing()
    const levels = 1 + Math.max(below.levels, below.introspectionLevels)
    const isIntrospection = introspectionFields.has(selection.name.value)
    const name = selection.alias ?? selection.name
    return {
      levels: isIntrospection ? 0 : levels,
      introspectionLevels: isIntrospection ? levels : 0,
      fields: 1,
      aliases: below.aliases + (selection.alias ? 1 : 0),
      directives: below.directives,
      names: new Map([[name.value, Math.max(1, mostRepeated(below))]]),
    }
  }

  const measureSet = (set: SelectionSetNode): Selected => {
    const sum = nothing()
    for (const selection of set.selections) {
      add(sum, measureSelection(selection))
      sum.directives += selection.directives?.length ?? 0
    }
    return sum
  }

  return measureSet
}

/** By the field's own name: no alias or fragment can pass for one of them. */
const introspectionFields = new Set(['__schema', '__type'])

function add(sum: Selected, part: Selected): void {
  sum.levels = Math.max(sum.levels, part.levels)
  sum.introspectionLevels = Math.max(sum.introspectionLevels, part.introspectionLevels)
  sum.fields += part.fields
  sum.aliases += part.aliases
  sum.directives += part.directives
  for (const [name, count] of part.names) sum.names.set(name, (sum.names.get(name) ?? 0) + count)
}

function mostRepeated({ names }: Selected): number {
  return Math.max(0, ...names.values())
}
