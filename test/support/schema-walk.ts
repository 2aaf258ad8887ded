import {
  astFromValue,
  getNamedType,
  getNullableType,
  type GraphQLField,
  type GraphQLInputObjectType,
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
  return fieldsOf(schema).filter(({ type }) => isRoot(type))
}

/** Fields that `operationFor` can ask for. */
export function reachableFieldsOf(schema: GraphQLSchema): Coordinate[] {
  return fieldsOf(schema).filter(
    ({ type }) => isRoot(type) || isNode(type) || wayTo(schema, type) !== undefined,
  )
}

export function isRoot(type: GraphQLObjectType): boolean {
  return rootTypes.has(type.name)
}

export function isNode(type: GraphQLObjectType): boolean {
  return type.getInterfaces().some(({ name }) => name === 'Node')
}

/** The shortest way from Query to a type by fields that need no arguments; undefined where there is none. */
function wayTo(schema: GraphQLSchema, wanted: GraphQLObjectType): readonly string[] | undefined {
  const seen = new Set<unknown>()
  let ways = [{ type: schema.getQueryType() as GraphQLNamedType, way: [] as string[] }]
  while (ways.length > 0) {
    const found = ways.find(({ type }) => type === wanted)
    if (found) return found.way
    ways = ways.flatMap(({ type, way }) => {
      if (!isObjectType(type) || seen.has(type)) return []
      seen.add(type)
      return Object.values(type.getFields())
        .filter(({ args }) => !args.some(isRequiredArgument))
        .map(({ name, type: next }) => ({ type: getNamedType(next), way: [...way, name] }))
    })
  }
  return undefined
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

/** Every place in the arguments where a list may stand. */
export function listsOf(field: GraphQLField<unknown, unknown>): Position[] {
  return positionsOf(field, () => true)
    .filter((position) => position.at(-1) === '0')
    .map((position) => position.slice(0, -1))
}

/** The ways that lead from an input type to itself, e.g. `['and', '0']`. */
export function loopsOf(type: GraphQLInputObjectType): Position[] {
  const walk = (inner: GraphQLInputType, path: Position, above: readonly unknown[]): Position[] => {
    const bare = getNullableType(inner)
    if (isListType(bare)) return walk(bare.ofType, [...path, '0'], above)
    if (bare === type) return [path]
    if (!isInputObjectType(bare) || above.includes(bare)) return []
    return waysOn(bare, path, [...above, bare])
  }
  const waysOn = (from: GraphQLInputObjectType, path: Position, above: readonly unknown[]) =>
    Object.values(from.getFields()).flatMap((input) =>
      walk(input.type, [...path, input.name], above),
    )
  return waysOn(type, [], [])
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

/** The least that is valid for the arguments of a field that needs no id. */
export function sampleArgumentsOf({ args }: GraphQLField<unknown, unknown>): Values {
  const needed = args.filter(isRequiredArgument)
  return Object.fromEntries(needed.map(({ name, type }) => [name, sampleOf(type)]))
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
  if (!isNode(type)) {
    const way = wayTo(schema, type) ?? []
    return `query Asked${list(declared)} { ${[...way, call].join(' { ')}${' }'.repeat(way.length + 1)}`
  }
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
