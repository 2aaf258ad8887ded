import { isObjectType } from 'graphql'
import { expect, test } from 'vitest'
import { toSchema } from '../../../src/app/schema.ts'
import { startGateway } from '../../support/gateway.ts'
import { productionLike } from '../../support/profiles.ts'

const schema = toSchema()

/** Every name of the schema that does not also mean something to GraphQL itself. */
const names = new Set(
  Object.values(schema.getTypeMap())
    .filter(({ name }) => !name.startsWith('__'))
    .flatMap((type) => [
      type.name,
      ...('getFields' in type
        ? Object.values(type.getFields()).flatMap((field) => [
            field.name,
            ...('args' in field ? field.args.map((each: { name: string }) => each.name) : []),
          ])
        : []),
    ]),
)
/** Words that sentences of graphql-js are made of. */
const plain = new Set(
  'and in value type field query name of on at fields argument required mutation subscription enum Query Mutation Subscription message code path errors extensions locations line column query not must document nodes list input object to'.split(
    ' ',
  ),
)

/** 2,000 guesses: names without their last letter, with one more, in two halves; and common words. */
function guesses(): string[] {
  const common = 'user users post posts admin login token password account order item search node'
  const words = [...names].flatMap((name) => [name, name.slice(0, -1), `${name}s`, `my${name}`])
  return [...new Set([...common.split(' '), ...words])].slice(0, 2_000)
}

test('in production no name of the schema is told that was not asked for', async () => {
  await using gateway = await startGateway(productionLike)
  const tenant = await gateway.newTenant()
  const words = guesses()
  expect(words.length).toBe(2_000)
  const told = new Set<string>()
  const probe = async (query: string, variables?: object) => {
    const { text } = await gateway.query(tenant, query, variables as Record<string, unknown>)
    const asked = new Set(`${query} ${JSON.stringify(variables)}`.match(/\w+/g))
    const errors = JSON.stringify((JSON.parse(text) as { errors?: object }).errors ?? [])
    for (const word of errors.match(/\w+/g) ?? []) {
      if (names.has(word) && !plain.has(word) && !asked.has(word)) told.add(`${word} by ${query}`)
    }
    // That a field wants a selection is said with its own name.
    expect(text).not.toMatch(/did you mean (?!\\"\w+ \{ \.\.\. \})/i)
  }
  for (let at = 0; at < words.length; at += 10) {
    const some = words.slice(at, at + 10)
    await probe(`{ ${some.join(' ')} }`)
    await probe(`{ ${some.map((word) => `${word} { ${word} }`).join(' ')} }`)
    await probe(`mutation { ${some.map((word) => `${word}(${word}: 1) { x }`).join(' ')} }`)
    for (const word of some.filter((each) => isObjectType(schema.getType(each)))) {
      await probe(`{ viewer { ... on ${word} { x } } }`)
    }
  }
  const inputs = Object.values(schema.getTypeMap()).filter(({ name }) => /Input$|Where$/.test(name))
  for (const { name } of inputs) {
    await probe(`query ($x: ${name}) { contents(where: $x) { x } }`, { x: {} })
    await probe(`query ($x: ${name}!) { viewer { scopes } }`, { x: { titl: 1 } })
  }
  await probe('query { contents(orderBy: [{ field: CREATED }]) { nodes { id } } }')
  await probe('{ contents { nodes } content { id } }')
  expect([...told]).toEqual([])
})

test('in production neither the schema, nor a page, nor a measure of time is given away', async () => {
  await using gateway = await startGateway(productionLike)
  const { tokens } = await gateway.newTenant()
  for (const query of [
    '{ __schema { queryType { name } } }',
    '{ __type(name: "Query") { name } }',
  ]) {
    const answer = await gateway.query(tokens.owner, query)
    expect(answer.data).toBeUndefined()
    expect(answer.errors?.[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } })
    expect(answer.text).toContain('introspection has been disabled')
  }
  const { extensions } = await gateway.query(tokens.owner, '{ viewer { scopes } }')
  expect(Object.keys(extensions ?? {})).toEqual(['cost'])
  const { origin } = new URL(gateway.url)
  for (const path of [
    '/',
    '/graphql',
    '/graphiql',
    '/playground',
    '/altair',
    '/voyager',
    '/console',
  ]) {
    const page = await fetch(`${origin}${path}`, { headers: { accept: 'text/html' } })
    expect({ path, refused: [404, 405].includes(page.status) }).toEqual({ path, refused: true })
    expect(page.headers.get('content-type')).toContain('json')
    expect(page.headers.get('x-powered-by')).toBeNull()
  }
})

test('results in parts and lists of operations are refused', async () => {
  for (const env of [{}, productionLike]) {
    await using gateway = await startGateway(env)
    const { tokens } = await gateway.newTenant()
    for (const query of [
      '{ viewer { ... @defer { scopes } } }',
      '{ contents { nodes @stream { id } } }',
    ]) {
      const answer = await gateway.query(tokens.owner, query)
      expect(answer).toMatchObject({ errors: [{ message: expect.stringMatching(/directive/) }] })
      expect(answer.data).toBeUndefined()
    }
    for (const accept of ['application/json', 'text/event-stream']) {
      const listed = await fetch(gateway.url, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${tokens.owner}`,
          'content-type': 'application/json',
          accept,
        },
        body: ' \n[{"query":"{ __typename }"},{"query":"{ __typename }"}]',
      })
      expect(listed.status).toBe(400)
      expect(await listed.text()).toMatch(/one operation a request/)
    }
  }
})
