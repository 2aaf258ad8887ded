import {
  GraphQLError,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLScalarType,
  GraphQLSchema,
  GraphQLString,
} from 'graphql'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { createEndpoint } from '../../../src/app/endpoint.ts'
import { createGraphqlHandler } from '../../../src/app/graphql-handler.ts'
import { createPlaces } from '../../../src/app/places.ts'
import { createStreams, wantsStream } from '../../../src/app/streams.ts'
import { startGateway } from '../../support/gateway.ts'

/** Must not leave the process but through its log. */
const inside = 'at postgres://10.0.0.7/gateway'

function fail(): never {
  throw new Error(inside)
}

/** JavaScript throws anything. */
function raise(value: unknown): never {
  throw value as Error
}

const pair = new GraphQLObjectType({
  name: 'Pair',
  fields: { a: { type: GraphQLString }, b: { type: new GraphQLNonNull(GraphQLString) } },
})

const broken = new GraphQLScalarType({ name: 'Broken', serialize: fail })

/** Ways in which a field can be broken. */
const ways: Record<string, () => unknown> = {
  throwsAnError: fail,
  throwsText: () => raise(inside),
  throwsNothing: () => raise(undefined),
  throwsNull: () => raise(null),
  throwsAnObject: () => raise({ inside, toString: fail }),
  throwsAFrozenError: () => raise(Object.freeze(new Error(inside))),
  throwsWhatHasNoPrototype: () => raise(Object.create(null)),
  throwsAHugeError: () => {
    throw new Error(`${inside} ${'x'.repeat(1_000_000)}`)
  },
  throwsInACircle: () => {
    const error = new Error(inside)
    throw Object.assign(error, { cause: error })
  },
  throwsATypeError: () => (undefined as unknown as { x: { y: string } }).x.y,
  overflows: function overflow(): unknown {
    return [overflow()]
  },
  rejects: () => Promise.reject(new Error(inside)),
  rejectsLate: () => new Promise((_resolve, reject) => setImmediate(reject, new Error(inside))),
  rejectsWithText: () => Promise.reject(inside),
  rejectsWithNothing: () => Promise.reject(),
  returnsAnError: () => new Error(inside),
  returnsARejectingThenable: () =>
    Object.fromEntries([
      [
        ['th', 'en'].join(''),
        (_resolve: unknown, reject: (reason: Error) => void) => reject(new Error(inside)),
      ],
    ]),
  wrapsAnError: () => {
    throw new GraphQLError(inside, { originalError: new Error(inside) })
  },
}

const fields = {
  fine: { type: GraphQLString, resolve: () => 'fine' },
  ...Object.fromEntries(
    Object.entries(ways).map(([name, resolve]) => [name, { type: GraphQLString, resolve }]),
  ),
  getter: {
    type: pair,
    resolve: () => ({
      get a() {
        return fail()
      },
      b: 'b',
    }),
  },
  missing: { type: pair, resolve: () => ({ a: 'a' }) },
  serialized: { type: broken, resolve: () => 1 },
  notANumber: { type: GraphQLInt, resolve: () => inside },
  listItem: { type: new GraphQLList(GraphQLString), resolve: () => ['x', new Error(inside)] },
  notAList: { type: new GraphQLList(GraphQLString), resolve: () => 7 },
  iterates: {
    type: new GraphQLList(GraphQLString),
    *resolve() {
      yield 'x'
      fail()
    },
  },
}

const streams = {
  opens: { type: GraphQLString, subscribe: fail },
  isNoStream: { type: GraphQLString, subscribe: () => 7 },
  ends: {
    type: GraphQLString,
    async *subscribe() {
      yield { ends: 'x' }
      await Promise.reject(new Error(inside))
    },
  },
  resolves: {
    type: GraphQLString,
    async *subscribe() {
      yield {}
    },
    resolve: fail,
  },
}

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields }),
  subscription: new GraphQLObjectType({ name: 'Subscription', fields: streams }),
})

test('whatever breaks in a resolver is masked, logged under the request’s id, and ends nothing', async () => {
  await using gateway = await startGateway({ LOG_LEVEL: 'silent' })
  const { tokens } = await gateway.newTenant()
  const endpoint = createEndpoint(schema, gateway.services)
  const graphql = createGraphqlHandler(endpoint)
  const live = createStreams(endpoint, createPlaces(100), {
    stop: new AbortController().signal,
    endingMs: 0,
  })
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  await using server = createServer((request, response) => {
    const origin = endpoint.originOf(request)
    response.setHeader('x-request-id', origin.requestId)
    const answer = wantsStream(request) ? live.answer : graphql
    void answer(request, response, origin)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ask = async (query: string, accept = 'application/json') => {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tokens.owner}`,
        'content-type': 'application/json',
        accept,
      },
      body: JSON.stringify({ query }),
    })
    return { id: response.headers.get('x-request-id') ?? '', text: await response.text() }
  }
  const selections = Object.keys(fields).map((name) =>
    name === 'getter' || name === 'missing' ? `${name} { a b }` : name,
  )
  const asked = [
    ...selections.slice(1).map((selection) => [selection, `{ fine ${selection} }`, undefined]),
    ...Object.keys(streams).map((name) => [name, `subscription { ${name} }`, 'text/event-stream']),
  ] as [string, string, string | undefined][]
  expect(asked.length).toBeGreaterThan(20)
  for (const [what, query, accept] of asked) {
    const { id, text } = await ask(query, accept)
    expect({ what, text }).toEqual({
      what,
      text: expect.stringContaining('"code":"INTERNAL_SERVER_ERROR"'),
    })
    const others = text.includes('"fine":"fine"') || accept !== undefined
    expect({ what, others, told: text.includes('10.0.0.7') }).toEqual({
      what,
      others: true,
      told: false,
    })
    expect(text.length).toBeLessThan(16_384)
    const lines = gateway.failures.filter(({ requestId }) => requestId === id)
    expect({ what, lines: lines.length }).toEqual({ what, lines: 1 })
  }
  expect((await ask('{ fine }')).text).toContain('{"data":{"fine":"fine"}')
  await new Promise(setImmediate)
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
  server.closeAllConnections()
})
