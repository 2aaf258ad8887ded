import {
  astFromValue,
  getNamedType,
  getNullableType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  print,
} from 'graphql'

/** A field by its coordinate, e.g. `Brand.contents`. */
export interface Coordinate {
  name: string
  type: GraphQLObjectType
  field: GraphQLField<unknown, unknown>
}

/** Every field of every object type. */
export function fieldsOf(schema: GraphQLSchema): Coordinate[] {
  return Object.values(schema.getTypeMap())
    .filter((type) => isObjectType(type))
    .filter(({ name }) => !name.startsWith('__'))
    .flatMap((type) =>
      Object.values(type.getFields()).map((field) => ({
        name: `${type.name}.${field.name}`,
        type,
        field,
      })),
    )
}

/** The types whose fields an operation can begin with, and how it is called then. */
const rootTypes = new Map([
  ['Query', 'query'],
  ['Mutation', 'mutation'],
  ['Subscription', 'subscription'],
])

/** Fields of Query, Mutation and Subscription. */
export function rootFieldsOf(schema: GraphQLSchema): Coordinate[] {
  return fieldsOf(schema).filter(({ type }) => rootTypes.has(type.name))
}

/** A place among a field's arguments, e.g. `['where', 'id', '0']`; `0` is the first of a list. */
export type Position = readonly string[]

/** Every place in the arguments where a value of a named type may stand; recursive types once. */
export function positionsOf(
  field: GraphQLField<unknown, unknown>,
  isWanted: (type: GraphQLNamedType) => boolean,
): Position[] {
  const walk = (type: GraphQLInputType, path: Position, above: readonly unknown[]): Position[] => {
    const bare = getNullableType(type)
    if (isListType(bare)) return walk(bare.ofType, [...path, '0'], above)
    const found = isWanted(bare) ? [path] : []
    if (!isInputObjectType(bare) || above.includes(bare)) return found
    const inner = Object.values(bare.getFields()).flatMap((input) =>
      walk(input.type, [...path, input.name], [...above, bare]),
    )
    return [...found, ...inner]
  }
  return field.args.flatMap((argument) => walk(argument.type, [argument.name], []))
}

export type Values = Record<string, unknown>

/** `args` with `value` at a place; whatever else must be given there is made up. */
export function place(
  field: GraphQLField<unknown, unknown>,
  args: Values,
  [name = '', ...path]: Position,
  value: unknown,
): Values {
  const argument = field.args.find((candidate) => candidate.name === name)
  if (!argument) throw new Error(`no argument ${name}`)
  return { ...args, [name]: placeIn(argument.type, args[name], path, value) }
}

function placeIn(type: GraphQLInputType, around: unknown, path: Position, value: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  const bare = getNullableType(type)
  if (isListType(bare)) {
    const first = Array.isArray(around) ? (around[0] as unknown) : undefined
    return [placeIn(bare.ofType, first, rest, value)]
  }
  if (!isInputObjectType(bare)) throw new Error(`nothing inside of ${String(bare)}`)
  const input = bare.getFields()[key]
  if (!input) throw new Error(`no ${key} in ${bare.name}`)
  const siblings = (around ?? (bare.isOneOf ? {} : sampleOf(bare))) as Values
  const placed = { [key]: placeIn(input.type, siblings[key], rest, value) }
  return bare.isOneOf ? placed : { ...siblings, ...placed }
}

const samples: Record<string, unknown> = {
  String: 'sample',
  Int: 1,
  Float: 1,
  Boolean: true,
  BigInt: '1',
  DateTime: '2099-01-01T00:00:00Z',
  JSON: {},
}

/** The least that is valid for an input type that needs no id. */
export function sampleOf(type: GraphQLInputType): unknown {
  const bare = getNullableType(type)
  if (isListType(bare)) return [sampleOf(bare.ofType)]
  if (isEnumType(bare)) return bare.getValues()[0]?.name
  if (isInputObjectType(bare)) {
    const needed = Object.values(bare.getFields()).filter(isRequiredInputField)
    return Object.fromEntries(needed.map((input) => [input.name, sampleOf(input.type)]))
  }
  if (bare.name in samples) return samples[bare.name]
  throw new Error(`no sample of ${bare.name}`)
}

/** An operation that asks for one field with all its arguments as variables. */
export function operationFor(
  schema: GraphQLSchema,
  { type, field }: Coordinate,
  depth: number,
): string {
  const declared = field.args.map(({ name, type, defaultValue }) => {
    const value = astFromValue(defaultValue, type)
    return `$${name}: ${String(type)}${value ? ` = ${print(value)}` : ''}`
  })
  const passed = field.args.map(({ name }) => `${name}: $${name}`)
  const call = `${field.name}${list(passed)} ${selectionOf(schema, field.type, depth)}`
  const kind = rootTypes.get(type.name)
  if (kind !== undefined) return `${kind} Asked${list(declared)} { ${call} }`
  const via = list(['$via: ID!', ...declared])
  return `query Asked${via} { node(id: $via) { ... on ${type.name} { ${call} } } }`
}

function list(parts: readonly string[]): string {
  return parts.length === 0 ? '' : `(${parts.join(', ')})`
}

/** What can be asked of a type without arguments, `depth` objects deep. */
function selectionOf(schema: GraphQLSchema, output: GraphQLOutputType, depth: number): string {
  const type = getNamedType(output)
  if (isLeafType(type)) return ''
  if (!isAbstractType(type)) return `{ __typename ${membersOf(schema, type, depth, [])} }`
  const all = schema.getPossibleTypes(type)
  const possible = all.map((member) => {
    const members = membersOf(schema, member, depth, all)
    return members && `... on ${member.name} { ${members} }`
  })
  return `{ __typename ${possible.join(' ')} }`
}

/** Where another type of the union has a field of the same name and another type, it has an alias. */
function membersOf(
  schema: GraphQLSchema,
  type: ReturnType<typeof getNamedType>,
  depth: number,
  union: readonly GraphQLObjectType[],
): string {
  if (!isObjectType(type) && !isInterfaceType(type)) return ''
  const askable = Object.values(type.getFields()).filter(
    (field) =>
      !field.args.some(isRequiredArgument) && (depth > 0 || isLeafType(getNamedType(field.type))),
  )
  return askable
    .map(({ name, type: inner }) => {
      const meets = union.some((other) => {
        const met = other.getFields()[name]
        return met && String(met.type) !== String(inner)
      })
      const alias = meets ? `${type.name}_${name}: ` : ''
      return `${alias}${name} ${selectionOf(schema, inner, depth - 1)}`
    })
    .join(' ')
}

/** Whether a type answers pages: `first`, `after`, `last`, `before`. */
export function isPaged({ args }: GraphQLField<unknown, unknown>): boolean {
  return ['first', 'after', 'last', 'before'].every((name) => args.some((arg) => arg.name === name))
}
