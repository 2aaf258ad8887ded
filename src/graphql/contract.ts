import { MapperKind, mapSchema } from '@graphql-tools/utils'
import {
  assertObjectType,
  getNamedType,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  type GraphQLType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
} from 'graphql'
import { keyScopes, type Scope, scopesOfRole } from '../lib/viewer.ts'

/** Whom the API is for. Each contract has what those before it have, and more. */
export const audiences = ['partner', 'studio', 'admin'] as const
export type Audience = (typeof audiences)[number]

type AnyField = GraphQLField<unknown, unknown>

/**
 * Tags every field that names a scope with the first audience that can hold it, unless it is tagged
 * already: whoever adds a field need not think of contracts, and cannot forget them.
 */
export function tagFields(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue
    for (const field of Object.values(type.getFields())) {
      const name = tagOf(field) ?? audienceOfScope(field)
      if (name === undefined) continue
      const directives = {
        ...(field.extensions['directives'] as object | undefined),
        tag: { name },
      }
      field.extensions = { ...field.extensions, directives }
    }
  }
}

function tagOf({ extensions }: AnyField): Audience | undefined {
  return (extensions['directives'] as { tag?: { name: Audience } } | undefined)?.tag?.name
}

function audienceOfScope({ extensions }: AnyField): Audience | undefined {
  const options = extensions['pothosOptions'] as { authScopes?: unknown } | undefined
  const scope = (options?.authScopes as { scope?: Scope } | undefined)?.scope
  if (scope === undefined) return undefined
  if ((keyScopes as readonly Scope[]).includes(scope)) return 'partner'
  return scopesOfRole.editor.has(scope) ? 'studio' : 'admin'
}

/**
 * The part of a tagged schema that is for `audience`: fields whose tag it passes, and the types that can
 * be reached by them. Resolvers are the same; what is left out is as if it had never been.
 */
export function contractOf(schema: GraphQLSchema, audience: Audience): GraphQLSchema {
  const rank = audiences.indexOf(audience)
  const isMeant = (field: AnyField) => audiences.indexOf(tagOf(field) ?? 'partner') <= rank
  const kept = reachable(schema, isMeant)
  return mapSchema(schema, {
    [MapperKind.TYPE]: (type) => (kept.has(type.name) ? type : null),
    [MapperKind.OBJECT_FIELD]: (config, name, typeName) => {
      const type = assertObjectType(schema.getType(typeName))
      return isMeant(type.getFields()[name] as AnyField) ? config : null
    },
  })
}

/**
 * Names of the types one can come to by fields that are meant. Of an interface only those members that some other way
 * leads to: `Node` would bring in everything.
 */
function reachable(
  schema: GraphQLSchema,
  isMeant: (field: AnyField) => boolean,
): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (type: GraphQLType): void => {
    const named = getNamedType(type)
    if (found.has(named.name)) return
    found.add(named.name)
    typesBehind(named, isMeant).forEach(visit)
  }
  const { query, mutation, subscription } = schema.toConfig()
  for (const root of [query, mutation, subscription]) if (root) visit(root)
  return found
}

function typesBehind(
  type: GraphQLNamedType,
  isMeant: (field: AnyField) => boolean,
): readonly GraphQLType[] {
  if (isUnionType(type)) return type.getTypes()
  if (isInputObjectType(type)) return Object.values(type.getFields()).map((input) => input.type)
  if (!isObjectType(type) && !isInterfaceType(type)) return []
  const fields = Object.values(type.getFields()).filter(isMeant)
  const args = fields.flatMap((field) => field.args)
  return [...type.getInterfaces(), ...[...fields, ...args].map((member) => member.type)]
}
