import fc from 'fast-check'
import {
  getIntrospectionQuery,
  getNamedType,
  type GraphQLSchema,
  isUnionType,
  parse,
  validate,
} from 'graphql'
import { expect, test } from 'vitest'
import { toSchema } from '../../src/app/schema.ts'
import { isObjectList, listSizeOf } from '../../src/graphql/field-cost.ts'
import { compileCosts, type OperationCost } from '../../src/graphql/operation-cost.ts'
import { fieldsOf } from '../support/schema-walk.ts'

const schema: GraphQLSchema = toSchema()

function costOf(query: string, variables?: Record<string, unknown>): OperationCost {
  const document = parse(query)
  expect(validate(schema, document)).toEqual([])
  const [cost] = [...compileCosts(schema, document).costs.values()].map((of) => of(variables))
  if (!cost) throw new Error('no operation')
  return cost
}

const page = 'query ($n: Int) { contents(first: $n) { nodes { title body { raw } } } }'

const priced: [what: string, query: string, variables: Record<string, unknown>, cost: number][] = [
  ['a leaf', '{ __typename }', {}, 0],
  ['an object', '{ viewer { scopes } }', {}, 1],
  ['a page by a literal', '{ contents(first: 20) { nodes { title } } }', {}, 21],
  ['a page by a variable', page, { n: 20 }, 61],
  ['a page as long as it is by default', page, {}, 61],
  ['a page by null', page, { n: null }, 61],
  ['a page by the default of a variable', page.replace('Int)', 'Int = 7)'), {}, 22],
  ['null in place of that default', page.replace('Int)', 'Int = 7)'), { n: null }, 61],
  ['a page from its end', '{ contents(last: 3) { nodes { title } } }', {}, 4],
  ['the larger of two sizes', '{ contents(first: 3, last: 5) { nodes { title } } }', {}, 6],
  ['edges and nodes', '{ contents(first: 3) { edges { node { id } } nodes { id } } }', {}, 10],
  [
    'lists in lists',
    '{ contents(first: 10) { nodes { versions(first: 4) { nodes { id } } } } }',
    {},
    1 + 10 * (1 + 1 + 4),
  ],
  [
    'as many as there are ids',
    'query ($i: [ID!]!) { nodes(ids: $i) { id } }',
    { i: ['a', 'b'] },
    2,
  ],
  ['one id without its list', '{ nodes(ids: "a") { id } }', {}, 1],
  ['ids written out', 'query ($i: ID!) { nodes(ids: [$i, "b", "c"]) { id } }', { i: 'a' }, 3],
  ['the same field twice', '{ viewer { user { id } } viewer { user { id } } }', {}, 2],
  ['the same field by two names', '{ a: viewer { user { id } } b: viewer { user { id } } }', {}, 4],
  [
    'the same fragment twice',
    '{ viewer { ...F ...F user { ...U } } } fragment F on Viewer { user { ...U } } fragment U on User { id }',
    {},
    2,
  ],
  [
    'a mutation',
    'mutation ($i: CreateContentInput!) { createContent(input: $i) { __typename } }',
    {},
    10,
  ],
  [
    'a batch, which is as much as its inputs are',
    `mutation ($i: [CreateContentInput!]!) {
       createContents(inputs: $i) { ... on ContentBatchSuccess { results { index } } } }`,
    { i: [{}, {}, {}] },
    10 + 3 * 5 + 3,
  ],
  ['the standard introspection', getIntrospectionQuery(), {}, 100],
]

test.each(priced)('%s has its price', (_what, query, variables, expected) => {
  expect(costOf(query, variables).cost).toBe(expected)
})

test('whatever a size is given as, a page costs from that of one to that of a hundred', () => {
  const least = costOf(page, { n: 1 }).cost
  const most = costOf(page, { n: 100 }).cost
  for (const n of [-(2 ** 31), -1000, -1, 0, 0.5, 101, 1e6, 2 ** 31, 1e308, Infinity, -Infinity]) {
    expect({ n, cost: costOf(page, { n }).cost }).toEqual({ n, cost: n > 1 ? most : least })
  }
  fc.assert(
    fc.property(fc.anything(), (n) => {
      const { cost, fixed, nodes } = costOf(page, { n })
      expect(Number.isInteger(cost)).toBe(true)
      expect(cost).toBeGreaterThanOrEqual(least)
      expect(cost).toBeLessThanOrEqual(Math.max(most, 3 * (Array.isArray(n) ? n.length : 0) + 1))
      expect(fixed).toBeLessThanOrEqual(cost)
      expect(nodes).toBeGreaterThanOrEqual(1)
    }),
  )
})

test('an operation without end costs what no operation may, and has no number beyond an Int', () => {
  const fragment = (n: number) =>
    `fragment F${n} on Content { brand { contents(first: 100) { nodes { ...F${n + 1} } } }
       campaignSpace { contents(first: 100) { nodes { ...F${n + 1} } } } }`
  const bomb = `{ contents { nodes { ...F0 } } }
    ${Array.from({ length: 40 }, (_, n) => fragment(n)).join('\n')} fragment F40 on Content { id }`
  const began = performance.now()
  expect(costOf(bomb).cost).toBe(2 ** 31 - 1)
  expect(performance.now() - began).toBeLessThan(2_000)
})

test('every list of objects says how long it is', () => {
  const sized = new Set(
    fieldsOf(schema).flatMap(({ field }) => {
      const type = getNamedType(field.type)
      const types = isUnionType(type) ? type.getTypes() : [type]
      const names = listSizeOf(field)?.sizedFields ?? []
      return types.flatMap((member) => names.map((name) => `${member.name}.${name}`))
    }),
  )
  const isSized = ({ name, field }: (typeof lists)[number]) => {
    const { assumedSize, slicingArguments, sizedFields } = listSizeOf(field) ?? {}
    return sized.has(name) || (!sizedFields && (assumedSize ?? slicingArguments) !== undefined)
  }
  const lists = fieldsOf(schema).filter(({ field }) => isObjectList(field.type))
  expect(lists.length).toBeGreaterThan(20)
  expect(lists.filter((list) => !isSized(list)).map(({ name }) => name)).toEqual([])
})

test('arguments and fields that a size names are there', () => {
  for (const { name, field } of fieldsOf(schema)) {
    const { slicingArguments = [] } = listSizeOf(field) ?? {}
    const known = field.args.map((argument) => argument.name)
    expect({ name, known }).toEqual({ name, known: expect.arrayContaining([...slicingArguments]) })
  }
})
