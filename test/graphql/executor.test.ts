import {
  buildSchema,
  execute as reference,
  type ExecutionResult,
  type GraphQLObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  parse,
  validate,
} from 'graphql'
import { expect, test } from 'vitest'
import { execute } from '../../src/graphql/executor/execute.ts'
import { seededRandom } from '../../src/local/faults.ts'
import { chooseSeed, tell } from '../support/random.ts'

const schema = buildSchema(`
  type Query { thing: Thing things: [Thing!]! maybe: [Thing] named: Named either: [Either] strict: Thing! }
  type Mutation { thing: Thing things: [Thing!]! strict: Thing! }
  interface Named { name: String! }
  union Either = Thing | Other
  type Thing implements Named {
    name: String! text(times: Int = 1, of: Shape): String number: Int! flag: Boolean colour: Colour
    thing: Thing strict: Thing! things: [Thing] strictThings: [Thing!]! named: Named either: Either!
    matrix: [[Int!]]! broken: Int
  }
  type Other implements Named { name: String! thing: Thing count: Float }
  input Shape { sides: Int! names: [String!] }
  enum Colour { RED GREEN }
`)

type When = 'at once' | 'later' | 'either'

/** Objects that answer each field in one way or another, or wrongly; the same for the same seed. */
function source(seed: number, when: When, depth: number): Record<string, unknown> {
  const random = seededRandom(seed)
  const type = random() < 0.7 ? 'Thing' : 'Other'
  const answer = (make: (seed: number) => unknown) => {
    const [chance, own, late] = [random(), Math.floor(random() * 2 ** 31), random()]
    const value = () => {
      if (chance < 0.05) throw new Error('thrown')
      if (chance < 0.08) return new Error('returned')
      return chance < 0.15 ? null : make(own)
    }
    const isLate = when === 'either' ? late < 0.4 : when === 'later'
    return () => (isLate ? Promise.resolve().then(value) : value())
  }
  const below = (own: number) => source(own, when, depth - 1)
  const thing = (own: number) => ({ ...below(own), __typename: 'Thing' })
  const list = (own: number) => Array.from({ length: own % 4 }, (_, index) => below(own + index))
  const things = (own: number) => list(own).map((each) => ({ ...each, __typename: 'Thing' }))
  if (depth === 0) return { __typename: type, name: () => 'leaf' }
  return {
    __typename: type,
    name: answer(() => `${type} ${depth}`),
    text: ({ times, of }: { times: number; of?: unknown }) => `${times} ${JSON.stringify(of)}`,
    number: answer((own) => own % 10),
    flag: answer((own) => own % 2 === 0),
    colour: answer((own) => (own % 10 === 0 ? 'BLUE' : 'RED')),
    count: answer(() => 1.5),
    thing: answer(thing),
    strict: answer(thing),
    things: answer(things),
    strictThings: answer(things),
    maybe: answer(things),
    named: answer(below),
    either: answer(below),
    matrix: answer((own) => [[1, 2], null, [3, own % 10 === 0 ? null : 4]]),
    broken: answer(() => 'no number'),
  }
}

/** A selection set of that type with aliases, fragments, and conditions. */
function selections(random: () => number, type: GraphQLObjectType, depth: number): string {
  const fields = Object.values(type.getFields()).filter(() => random() < 0.5)
  const parts = fields.map((field) => {
    const condition = random() < 0.15 ? ` @${random() < 0.5 ? 'skip' : 'include'}(if: $yes)` : ''
    const alias = random() < 0.2 ? `${random() < 0.1 ? '__proto__' : `a${field.name}`}: ` : ''
    let named: unknown = field.type
    while (isListType(named) || isNonNullType(named)) named = named.ofType
    const args =
      field.name === 'text' && random() < 0.7
        ? `(times: ${random() < 0.5 ? '$times' : '2'}, of: { sides: 3, names: ["x"] })`
        : ''
    const name = String(named)
    if (['Named', 'Either'].includes(name)) {
      if (depth === 0) return ''
      const thing = schema.getType('Thing') as GraphQLObjectType
      return `${alias}${field.name}${condition} { __typename ... on Named { name } ... on Thing { ${selections(random, thing, depth - 1)} } }`
    }
    if (!isObjectType(named)) return `${alias}${field.name}${args}${condition}`
    if (depth === 0) return ''
    const inner = selections(random, named, depth - 1)
    const spread = name === 'Thing' && random() < 0.3 ? '...Part' : ''
    return `${alias}${field.name}${condition} { __typename ${inner} ${spread} }`
  })
  return parts.join(' ').trim() || '__typename'
}

function comparable({ data, errors }: ExecutionResult) {
  return { data: JSON.stringify(data), errors: errors?.map((error) => JSON.stringify(error)) }
}

test('operations are executed as graphql-js executes them', async () => {
  const seed = chooseSeed()
  const random = seededRandom(seed)
  let compared = 0
  let withErrors = 0
  let withoutData = 0
  for (let round = 0; round < 150; round++) {
    const isMutation = random() < 0.2
    const root = (
      isMutation ? schema.getMutationType() : schema.getQueryType()
    ) as GraphQLObjectType
    const document = parse(`
      ${isMutation ? 'mutation' : 'query'} Some($yes: Boolean!, $times: Int) {
        __typename ${selections(random, root, 3)}
      }
      fragment Part on Thing { number colour ...Deeper }
      fragment Deeper on Thing { __typename flag thing @include(if: $yes) { name } }
    `)
    // Unused variables and fragments are no matter here; conflicts between aliases are.
    const problems = validate(schema, document).filter(
      ({ message }) => !/never used|is not used/.test(message),
    )
    if (problems.length > 0) continue
    compared++
    for (const yes of [true, false, true]) {
      const variableValues = { yes, ...(random() < 0.5 && { times: 3 }) }
      const rootSeed = Math.floor(random() * 2 ** 31)
      const args = (when: When) => {
        return { schema, document, variableValues, rootValue: source(rootSeed, when, 4) }
      }
      const expected = comparable(await reference(args('at once')))
      expect(comparable(await execute(args('at once')))).toEqual(expected)
      // Which of several errors below one null is told depends on which comes first.
      for (const when of ['later', 'either'] as const) {
        expect(comparable(await execute(args(when))).data).toBe(expected.data)
      }
      if (expected.errors) withErrors++
      if (expected.data === 'null') withoutData++
    }
  }
  tell(`${compared} documents, ${withErrors} answers with errors, ${withoutData} without data`)
  expect(Math.min(compared, withErrors, withoutData)).toBeGreaterThan(50)
})
