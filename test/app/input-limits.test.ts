import { type GraphQLInputObjectType, isInputObjectType } from 'graphql'
import { expect, test } from 'vitest'
import { maxRequestBytes } from '../../src/app/read-body.ts'
import { toSchema } from '../../src/app/schema.ts'
import { mapLimit } from '../../src/lib/map-limit.ts'
import { argumentsOf, furnish, type Ids } from '../support/entries.ts'
import { startGateway, type TestGateway, type TestTenant } from '../support/gateway.ts'
import { countRows } from '../support/rows.ts'
import {
  type Coordinate,
  listsOf,
  loopsOf,
  operationFor,
  place,
  type Position,
  positionsOf,
  reachableFieldsOf,
} from '../support/schema-walk.ts'

const schema = toSchema()

const reachable = reachableFieldsOf(schema)

interface Place {
  coordinate: Coordinate
  position: Position
}

const describe = ({ coordinate, position }: Place) => `${coordinate.name}(${position.join('.')})`

const marker = 'MARKER'

/** The request with a value in one place: JSON text, since some is too deep to be written by JSON. */
function requestWith({ coordinate, position }: Place, own: Ids, value: string): string {
  const variables = place(coordinate.field, argumentsOf(coordinate, own), position, marker)
  const query = operationFor(schema, coordinate, 0)
  return JSON.stringify({ query, variables }).replace(`"${marker}"`, value)
}

async function ask({ url }: TestGateway, { tokens }: TestTenant, body: string) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${tokens.owner}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream;q=0.5',
    },
    body,
  })
  // Of a stream its beginning says enough.
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
    await response.body?.cancel()
    return { status: response.status, text: '' }
  }
  return { status: response.status, text: await response.text() }
}

const message = 'Variables nest at most 32 deep, with 1000 items in a list and 10000 values in all.'

/** As it is refused before anybody is known, let alone anything resolved. */
const refused = {
  status: 200,
  text: JSON.stringify({ errors: [{ message, extensions: { code: 'BAD_USER_INPUT' } }] }),
}

/** Whatever else may be wrong with it. */
function isTaken({ status, text }: { status: number; text: string }): boolean {
  return status === 200 && !text.includes(message) && !text.includes('INTERNAL_SERVER_ERROR')
}

const filled = (count: number, item: string) =>
  `[${Array.from({ length: count }, () => item).join(',')}]`
const nested = (depth: number, open: string, leaf: string, close: string) =>
  open.repeat(depth) + leaf + close.repeat(depth)

/** Asks for each of `places` what is too much, which nothing is done for, and what just is not. */
async function expectLimit(
  places: readonly Place[],
  valuesOf: (where: Place) => { over: readonly string[]; within: readonly string[] },
) {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const before = await countRows(gateway.database.admin)
  gateway.zerodb.calls.length = 0
  const wrong: string[] = []
  await mapLimit(places, 2, async (where) => {
    for (const value of valuesOf(where).over) {
      const answer = await ask(gateway, tenant, requestWith(where, ids, value))
      if (answer.status !== refused.status || answer.text !== refused.text)
        wrong.push(`${describe(where)} ${value.slice(0, 40)}: ${answer.text.slice(0, 300)}`)
    }
  })
  expect(wrong).toEqual([])
  expect(await countRows(gateway.database.admin)).toEqual(before)
  expect(gateway.zerodb.calls).toEqual([])

  await mapLimit(places, 2, async (where) => {
    for (const value of valuesOf(where).within) {
      const answer = await ask(gateway, tenant, requestWith(where, ids, value))
      if (!isTaken(answer))
        wrong.push(`${describe(where)} ${value.slice(0, 40)}: ${answer.text.slice(0, 300)}`)
    }
  })
  expect(wrong).toEqual([])
  expect(gateway.failures).toEqual([])
}

const lists = reachable.flatMap((coordinate) =>
  listsOf(coordinate.field).map((position) => ({ coordinate, position })),
)

test('no list takes more than a thousand items, wherever it stands', async () => {
  expect(lists.length).toBeGreaterThan(50)
  await expectLimit(lists, () => ({
    over: ['null', '1', '"x"', '{}'].map((item) => filled(1_001, item)),
    within: ['null', '"x"'].map((item) => filled(1_000, item)),
  }))
}, 120_000)

/** Every place of an input type that leads to itself, with the ways it does. */
const recursive = Object.values(schema.getTypeMap())
  .filter((type): type is GraphQLInputObjectType => isInputObjectType(type))
  .map((type) => ({ type, loops: loopsOf(type) }))
  .filter(({ loops }) => loops.length > 0)
const recursivePlaces = recursive.flatMap(({ type, loops }) =>
  reachable.flatMap((coordinate) =>
    positionsOf(coordinate.field, ({ name }) => name === type.name).map((position) => ({
      coordinate,
      position,
      loops,
    })),
  ),
)

/** The opening and the closing brackets of a way, and how deep it leads. */
function bracketsOf(loop: Position) {
  const steps = loop.map((step) => (step === '0' ? ['[', ']'] : [`{"${step}":`, '}']))
  const open = steps.map(([bracket]) => bracket).join('')
  const close = steps
    .map(([, bracket]) => bracket)
    .toReversed()
    .join('')
  return { open, close, depth: steps.length }
}

test('no input leads to itself deeper than the limits, by any of its ways', async () => {
  expect(
    recursive.flatMap(({ type, loops }) => loops.map((loop) => `${type.name}.${loop[0]}`)),
  ).toEqual(expect.arrayContaining(['ContentWhere.and', 'ContentWhere.or', 'ContentWhere.not']))
  for (const { type, loops } of recursive) {
    for (const loop of loops) {
      const { open, close, depth } = bracketsOf(loop)
      const places = recursivePlaces.filter(({ loops: own }) => own.includes(loop))
      expect({ name: type.name, places: places.length > 0 }).toEqual({
        name: type.name,
        places: true,
      })
      await expectLimit(places, () => ({
        over: [Math.ceil(33 / depth), 1_000, 100_000].map((levels) =>
          nested(levels, open, '{}', close),
        ),
        within: [nested(4, open, '{}', close)],
      }))
    }
  }
}, 120_000)

const jsonPlaces = reachable.flatMap((coordinate) =>
  positionsOf(coordinate.field, ({ name }) => ['JSON', 'JSONPatch'].includes(name)).map(
    (position) => ({ coordinate, position }),
  ),
)

test('JSON nests no deeper than other values, and has no more of them', async () => {
  expect(jsonPlaces.length).toBeGreaterThan(3)
  const listOfLists = (count: number) => filled(count, filled(900, '1'))
  await expectLimit(jsonPlaces, ({ position }) => {
    // The variables are an object themselves, and so is each name on the way.
    const left = 32 - position.length
    return {
      over: [
        ...[left + 1, 1_000, 100_000].flatMap((depth) => [
          nested(depth, '[', '', ']'),
          nested(depth, '{"a":', '1', '}'),
        ]),
        listOfLists(12),
        filled(1_000_000, '1'),
      ],
      within: [nested(left, '[', '', ']'), nested(left, '{"a":', '1', '}'), listOfLists(11)],
    }
  })
}, 120_000)

test('metadata as large as the limits allow is stored', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const create = reachable.find(({ name }) => name === 'Mutation.createContent')
  if (!create) throw new Error('no createContent')
  const where = { coordinate: create, position: ['input', 'metadata'] }
  const largest = [
    nested(30, '{"a":', '1', '}'),
    `{"a":${filled(1_000, '1')}}`,
    `{"a":${filled(10, filled(900, '1'))}}`,
  ]
  for (const metadata of largest) {
    const { text } = await ask(gateway, tenant, requestWith(where, ids, metadata))
    expect(text).toContain('"__typename":"ContentSuccess"')
  }
})

test('two million numbers are refused unread', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const [where] = lists
  if (!where) throw new Error('no list')
  const body = requestWith(where, ids, filled(2_000_000, '1'))
  expect(body.length).toBeGreaterThan(maxRequestBytes)
  // The connection is closed, which may come before the answer was read.
  const status = await ask(gateway, tenant, body).then(
    (answer) => answer.status,
    () => 413,
  )
  expect(status).toBe(413)
})

test('a list written into the document is held by what a document may have', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const before = await countRows(gateway.database.admin)
  gateway.zerodb.calls.length = 0
  const id = JSON.stringify(ids.Content)
  const create = (field: string) =>
    `mutation { createContent(input: { title: "x", body: { raw: "x" }, ${field} }) { __typename } }`
  const documentsWith = (count: number) => [
    `query ($ids: [ID!]! = ${filled(count, id)}) { nodes(ids: $ids) { id } }`,
    `{ nodes(ids: ${filled(count, id)}) { id } }`,
    `{ contents(where: { id: ${filled(count, id)} }) { nodes { id } } }`,
    create(`tags: ${filled(count, '"x"')}`),
    create(`metadata: { a: ${filled(count, '1')} }`),
  ]
  for (const count of [2_000, 20_000]) {
    for (const query of documentsWith(count)) {
      const { status, text } = await ask(gateway, tenant, JSON.stringify({ query }))
      const what = query.slice(0, 80)
      expect({ what, status, text }).toEqual({
        what,
        status: 200,
        text: expect.stringContaining('"code":"LIMIT_EXCEEDED"'),
      })
    }
  }
  expect(await countRows(gateway.database.admin)).toEqual(before)
  expect(gateway.zerodb.calls).toEqual([])
  for (const query of documentsWith(50)) {
    const answer = await ask(gateway, tenant, JSON.stringify({ query }))
    expect(answer.text).not.toMatch(/"errors"|"ValidationError"/)
  }
})
