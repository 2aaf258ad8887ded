import {
  type FieldNode,
  getNamedType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLCompositeType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql'

type AnyField = GraphQLField<unknown, unknown>

/**
 * The fields of `type` that are asked for below the field that `info` is about, wherever in a connection it
 * stands; conditions (`@skip`, `@include`) are taken for met. What is below those fields is not looked at.
 */
export function requestedFields(
  { fieldNodes, returnType, schema, fragments }: GraphQLResolveInfo,
  type: GraphQLObjectType,
): Set<AnyField> {
  const found = new Set<AnyField>()
  const walk = (parent: GraphQLCompositeType, { selections }: SelectionSetNode) => {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) visit(parent, selection)
      else {
        const isInline = selection.kind === Kind.INLINE_FRAGMENT
        const fragment = isInline ? selection : fragments[selection.name.value]
        const narrower = schema.getType(fragment?.typeCondition?.name.value ?? '')
        if (fragment) walk(isObjectType(narrower) ? narrower : parent, fragment.selectionSet)
      }
    }
  }
  const visit = (parent: GraphQLCompositeType, node: FieldNode) => {
    const fields = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields() : {}
    const field = fields[node.name.value]
    if (!field) return
    if (parent === type) found.add(field)
    const below = getNamedType(field.type)
    if (parent !== type && node.selectionSet && isCompositeType(below))
      walk(below, node.selectionSet)
  }
  const root = getNamedType(returnType)
  if (!isCompositeType(root)) return found
  for (const { selectionSet } of fieldNodes) if (selectionSet) walk(root, selectionSet)
  return found
}
