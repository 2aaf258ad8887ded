import { getIntrospectionQuery } from 'graphql'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { exampleOperations } from '../../src/app/graphiql.ts'
import { toSchema } from '../../src/app/schema.ts'
import { planOperation } from '../../src/graphql/operation-plan.ts'
import { createTestKey } from '../support/api-keys.ts'
import { createTestContents } from '../support/contents.ts'
import { argumentsOf, furnish } from '../support/entries.ts'
import { type Answer, startGateway } from '../support/gateway.ts'
import { fieldsOf, operationFor, type Values } from '../support/schema-walk.ts'

const schema = toSchema()

const repeat = (count: number, write: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => write(index)).join(' ')
const inNodes = (selections: string) => `{ contents(first: 1) { nodes { ${selections} } } }`
const onContent = (name: string, selections: string) =>
  `fragment ${name} on Content { ${selections} }`

const path = ['contents(first: 1)', 'nodes', 'brand']

/** So many levels of fields, the first of them that of `path`. */
function chain(levels: number, start = 0): string {
  const fields = Array.from({ length: levels - 1 }, (_, at) => path[(start + at) % path.length])
  return `${[...fields, '__typename'].join(' { ')}${' }'.repeat(levels - 1)}`
}

const behindFragment = (levels: number) =>
  `${inNodes('...__schema')} ${onContent('__schema', `__schema: ${chain(levels - 2, 2)}`)}`
const introspection = (levels: number) =>
  `{ __schema { types { ${'ofType { '.repeat(levels - 3)} name ${'}'.repeat(levels)}`
const bomb = (doublings: number) =>
  `${inNodes('...F0')} ${onContent(`F${doublings}`, 'id')}
   ${repeat(doublings, (n) => onContent(`F${n}`, `...F${n + 1} ...F${n + 1}`))}`
const nested = (versions: number) =>
  `{ contents(first: 100) { nodes { versions(first: ${versions}) { nodes { id } } } } }`

/** What goes too far, what its message says, and the most of the same that is served. */
const faults: [what: string, says: string, over: string, within: string][] = [
  [
    'aliases',
    'has 31 aliases, and 30 are allowed',
    inNodes(repeat(31, (n) => `a${n}: id`)),
    inNodes(repeat(30, (n) => `a${n}: id`)),
  ],
  [
    'aliases in a fragment',
    'has 31 aliases',
    `${inNodes(repeat(31, () => '...F'))} ${onContent('F', 'a: id')}`,
    `${inNodes(repeat(30, () => '...F'))} ${onContent('F', 'a: id')}`,
  ],
  [
    'aliases by the thousand',
    'more than 2,000 tokens',
    inNodes(repeat(1_000, (n) => `a${n}: id`)),
    inNodes('a: id'),
  ],
  [
    'aliases by the hundred thousand',
    'more than 2,000 tokens',
    inNodes(repeat(100_000, (n) => `a${n}: id`)),
    inNodes('a: id'),
  ],
  ['depth', 'has 11 levels of fields, and 10 are allowed', `{ ${chain(11)} }`, `{ ${chain(10)} }`],
  [
    'depth in a fragment named like introspection',
    'has 11 levels of fields',
    behindFragment(11),
    behindFragment(10),
  ],
  [
    'depth of introspection',
    'has 16 levels of introspection, and 15 are allowed',
    introspection(16),
    introspection(15),
  ],
  [
    'root fields',
    'has 11 root fields, and 10 are allowed',
    `{ ${repeat(11, (n) => `a${n}: viewer { scopes }`)} }`,
    `{ ${repeat(10, (n) => `a${n}: viewer { scopes }`)} }`,
  ],
  [
    'directives',
    'has 21 directives, and 20 are allowed',
    inNodes(repeat(21, () => 'id @include(if: true)')),
    inNodes(repeat(20, () => 'id @include(if: true)')),
  ],
  [
    'directives by the hundred',
    'has 150 directives',
    inNodes(`id ${repeat(150, () => '@no(a: 1)')}`),
    inNodes('id'),
  ],
  [
    'one field over and over',
    'has 51 occurrences of one field',
    inNodes(repeat(51, () => 'id')),
    inNodes(repeat(50, () => 'id')),
  ],
  [
    'one field over and over, level by level',
    'has 64 occurrences of one field',
    inNodes(repeat(8, () => `brand { ${repeat(8, () => 'id')} }`)),
    inNodes(repeat(7, () => `brand { ${repeat(7, () => 'id')} }`)),
  ],
  [
    'spreads',
    'has 51 occurrences of one field, or spreads',
    `${inNodes(repeat(51, () => '...F'))} ${onContent('F', 'id')}`,
    `${inNodes(repeat(50, () => '...F'))} ${onContent('F', 'id')}`,
  ],
  ['a bomb of fragments', 'occurrences of one field, or spreads', bomb(20), bomb(4)],
  ['cost', 'costs 2,101 points, and 2,000 are allowed', nested(19), nested(17)],
]

const codesOf = ({ errors = [] }: Answer<unknown>) =>
  errors.map(({ extensions }) => extensions?.['code'])

test('an operation within every limit is served, and one beyond is refused before it begins', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 1)
  for (const [what, says, over, within] of faults) {
    const served = await gateway.query(tenant, within)
    expect({ what, errors: served.errors }).toEqual({ what, errors: undefined })
    gateway.zerodb.calls.length = 0
    const began = performance.now()
    const refused = await gateway.query(tenant, over)
    expect({ what, codes: codesOf(refused) }).toEqual({ what, codes: ['LIMIT_EXCEEDED'] })
    expect(refused.errors?.[0]?.message).toContain(says)
    expect(refused.data).toBeUndefined()
    expect(refused.text.length).toBeLessThan(1_024)
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(gateway.zerodb.calls).toEqual([])
  }
})

test('introspection as tools ask for it is served', async () => {
  await using gateway = await startGateway()
  const { errors, extensions } = await gateway.query(
    await gateway.newTenant(),
    getIntrospectionQuery(),
  )
  expect(errors).toBeUndefined()
  expect(extensions?.['cost']).toMatchObject({ requested: 100, actual: 100 })
})

const refusedOtherwise: [what: string, document: string][] = [
  [
    'a cycle of fragments',
    `${inNodes('...A')} ${onContent('A', '...B')} ${onContent('B', '...A')}`,
  ],
  [
    'a cycle through fields, which would overflow the stack',
    `${inNodes('...A')} ${onContent('A', 'brand { contents { nodes { ...A ...A } } }')}`,
  ],
  ['an unknown directive', inNodes('id @no')],
  ['a directive twice', inNodes('id @include(if: true) @include(if: true)')],
  ['@defer', inNodes('... @defer { id }')],
  ['@stream', '{ contents { nodes @stream { id } } }'],
]

test.each(refusedOtherwise)('%s is refused by validation', async (_what, document) => {
  await using gateway = await startGateway()
  const answer = await gateway.query(await gateway.newTenant(), document)
  expect(new Set(codesOf(answer))).toEqual(new Set(['BAD_USER_INPUT']))
  expect(answer.data).toBeUndefined()
})

test('several operations in one request are refused', async () => {
  await using gateway = await startGateway()
  const { tokens } = await gateway.newTenant()
  const response = await fetch(gateway.url, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens.owner}`, 'content-type': 'application/json' },
    body: JSON.stringify([{ query: '{ viewer { scopes } }' }, { query: '{ viewer { scopes } }' }]),
  })
  expect(response.status).toBe(400)
})

const paged = fieldsOf(schema).filter(
  ({ field }) =>
    field.args.some(({ name }) => name === 'first') && /Connection/.test(String(field.type)),
)

test('every connection costs what its size says, and no size makes it cheap or free', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  expect(paged.length).toBeGreaterThan(8)
  for (const coordinate of paged) {
    const ask = async (first: unknown) => {
      const operation = operationFor(schema, coordinate, 1)
      const args: Values = { ...argumentsOf(coordinate, ids), first }
      const answer = await gateway.query(tenant, operation, args)
      const { requested } = (answer.extensions?.['cost'] ?? {}) as { requested: number }
      return { codes: codesOf(answer), requested }
    }
    const least = await ask(1)
    const most = await ask(100)
    const { name } = coordinate
    expect({ name, ...least }).toMatchObject({ name, codes: [] })
    expect(most.requested).toBeGreaterThan(least.requested + 90)
    for (const first of [-(2 ** 31), -1000, -1, 0, 101, 1e6, 2 ** 31, 1.5, '5']) {
      const { codes, requested } = await ask(first)
      expect({ name, first, codes }).toEqual({ name, first, codes: ['BAD_USER_INPUT'] })
      expect(requested).toBeGreaterThanOrEqual(least.requested)
      expect(requested).toBeLessThanOrEqual(most.requested)
    }
  }
}, 60_000)

const dear = '{ explainOperation(document: "{ viewer { scopes } }") { cost } }'
const twenty = { RATE_LIMIT_POINTS: '100', RATE_LIMIT_RESTORE_PER_SECOND: '1' }

test('a tenant that has spent its points waits, and no other waits with it', async () => {
  await using gateway = await startGateway(twenty)
  const [busy, calm] = [await gateway.newTenant(), await gateway.newTenant()]
  for (let asked = 1; asked <= 5; asked++) {
    const { extensions, status } = await gateway.query(busy, dear)
    expect(status).toBe(200)
    expect(extensions?.['cost']).toMatchObject({ requested: 20, actual: 20, limit: 100 })
  }
  const response = await fetch(gateway.url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${busy.tokens.editor}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ query: dear }),
  })
  expect(response.status).toBe(429)
  const seconds = Number(response.headers.get('retry-after'))
  expect(seconds).toBeGreaterThan(0)
  expect(seconds).toBeLessThanOrEqual(20)
  expect(await response.json()).toMatchObject({
    errors: [{ extensions: { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) } }],
    extensions: { cost: { requested: 20, actual: 0, limit: 100, restorePerSecond: 1 } },
  })
  expect((await gateway.query(calm, dear)).status).toBe(200)
})

/** What costs 200 points. */
const dearest = `{ ${repeat(10, (n) => `a${n}: ${dear.slice(2, -2)}`)} }`

test('a key that has spent its own points waits, and neither people nor other keys wait with it', async () => {
  await using gateway = await startGateway({ RATE_LIMIT_POINTS: '20000' })
  const tenant = await gateway.newTenant()
  const busy = await createTestKey(gateway, tenant, { name: 'Busy', costLimit: 2_000 })
  const calm = await createTestKey(gateway, tenant, { name: 'Calm', costLimit: 2_000 })
  const answers = await Promise.all(
    Array.from({ length: 30 }, () =>
      fetch(gateway.url, {
        method: 'POST',
        headers: { authorization: `Bearer ${busy.secret}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query: dearest }),
      }),
    ),
  )
  const refused = answers.filter(({ status }) => status === 429)
  // Its bucket fills up meanwhile, by 100 points a second.
  expect(answers.length - refused.length).toBeGreaterThanOrEqual(10)
  expect(refused.length).toBeGreaterThan(0)
  for (const response of refused) {
    const seconds = Number(response.headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThanOrEqual(2)
    expect(await response.json()).toMatchObject({
      errors: [{ extensions: { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) } }],
      extensions: { cost: { requested: 200, actual: 0, limit: 2_000, restorePerSecond: 100 } },
    })
  }
  for (const who of [tenant.tokens.owner, tenant.tokens.viewer, calm.secret]) {
    const { status, errors } = await gateway.query(who, dearest)
    expect({ status, errors }).toEqual({ status: 200, errors: undefined })
  }
}, 60_000)

test('no operation is served more than ten thousand nodes, though its lists are longer than priced', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const day = 86_400_000
  const from = new Date(Math.floor(Date.now() / day - 399) * day)
  const variables = { range: { from: from.toISOString(), to: new Date().toISOString() } }
  const ask = (lists: number) =>
    gateway.query<{ quota: Record<string, unknown[]> | null }, object>(
      tenant,
      `query ($range: DateRangeInput!) {
         quota { ${repeat(lists, (n) => `a${n}: history(range: $range) { __typename }`)} } }`,
      variables,
    )
  const within = await ask(25)
  expect(within.errors).toBeUndefined()
  expect(Object.values(within.data?.quota ?? {}).flat()).toHaveLength(10_000)

  const over = await ask(26)
  expect(codesOf(over)).toContain('LIMIT_EXCEEDED')
  expect(over.errors?.[0]?.message).toContain('has found more than 10,000 nodes')
  expect(over.data).toEqual({ quota: null })
})

test('aliases cost as much as operations do', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const costOf = async (query: string) =>
    (await gateway.query(tenant, query)).extensions?.['cost'] as { requested: number }
  const check = 'checkQuota(input: {}) { __typename }'
  const one = await costOf(`{ ${check} }`)
  const ten = await costOf(`{ ${repeat(10, (n) => `a${n}: ${check}`)} }`)
  expect(ten.requested).toBe(10 * one.requested)
})

test('points for what was not there are given back', async () => {
  await using gateway = await startGateway({ ...twenty, RATE_LIMIT_POINTS: '1000' })
  const tenant = await gateway.newTenant()
  await createTestContents(gateway, tenant, 2)
  await using twin = await gateway.startTwin()
  const { extensions } = await twin.query(
    tenant,
    '{ contents(first: 100) { nodes { body { raw } } } }',
  )
  const cost = extensions?.['cost'] as Record<string, number>
  expect(cost).toMatchObject({ requested: 301, actual: 7, limit: 1_000 })
  expect(cost['remaining']).toBeGreaterThanOrEqual(993)
})

test('an address that sends bad credentials is asked to wait', async () => {
  await using gateway = await startGateway(twenty)
  const tenant = await gateway.newTenant()
  const statuses: number[] = []
  for (let sent = 0; sent < 110; sent++) {
    statuses.push((await gateway.query('no-token', '{ viewer { scopes } }')).status)
  }
  expect(statuses.slice(0, 100)).toEqual(Array(100).fill(401))
  expect(statuses.at(-1)).toBe(429)
  // Behind one address there may be others.
  expect((await gateway.query(tenant, '{ viewer { scopes } }')).status).toBe(200)
})

test('each event of a subscription is charged, and it ends when the points do', async () => {
  const subscription = 'subscription { quotaChanged { __typename } }'
  await using gateway = await startGateway({ ...twenty, RATE_LIMIT_POINTS: '1' })
  const refused = await gateway.query(await gateway.newTenant(), subscription)
  expect(codesOf(refused)).toEqual(['RATE_LIMITED'])
  expect(refused.data).toBeUndefined()
  await using twin = await gateway.startTwin({ RATE_LIMIT_POINTS: '10' })
  const { data, extensions } = await twin.query<object, object>(
    await twin.newTenant(),
    subscription,
  )
  expect(data).toHaveProperty('quotaChanged')
  expect(extensions?.['cost']).toMatchObject({ requested: 1, actual: 1, remaining: 8 })
})

test('a viewer sees what they may spend', async () => {
  await using gateway = await startGateway(twenty)
  const { data } = await gateway.query<{ viewer: { rateLimit: Values } }, object>(
    await gateway.newTenant(),
    `{ viewer { rateLimit { limit cost remaining restorePerSecond resetAt nodeCount } }
       contents(first: 10) { nodes { id } } }`,
  )
  expect(data?.viewer.rateLimit).toMatchObject({
    limit: 100,
    cost: 13,
    remaining: 87,
    restorePerSecond: 1,
    nodeCount: 10,
  })
  expect(Date.parse(String(data?.viewer.rateLimit['resetAt']))).toBeGreaterThan(Date.now())
})

test('an operation can be explained without being executed', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const explain = async (document: string, variables?: object, operationName?: string) => {
    const { data } = await gateway.query<{ explainOperation: Values }, object>(
      tenant,
      `query ($document: String!, $variables: JSON, $operationName: String) {
         explainOperation(document: $document, variables: $variables, operationName: $operationName) {
           valid errors cost depth nodes scopes deprecatedFields } }`,
      { document, variables, operationName },
    )
    return data?.explainOperation
  }
  const page = `query A($n: Int) { contents(first: $n) { nodes { body { raw } versions { nodes { id } } } } }
     query B { quota { planTier } }`
  expect(await explain(page, { n: 50 }, 'A')).toEqual({
    valid: true,
    errors: [],
    cost: 1 + 50 * (1 + 2 + 1 + 10),
    depth: 5,
    nodes: 550,
    scopes: ['CONTENT_READ', 'VERSION_READ'],
    deprecatedFields: [],
  })
  expect(await explain(page, {}, 'B')).toMatchObject({ cost: 1, scopes: ['QUOTA_READ'] })
  expect(await explain(page)).toMatchObject({ valid: false, cost: 0 })
  expect(await explain(nested(19))).toMatchObject({
    valid: false,
    cost: 2_101,
    errors: [expect.stringContaining('costs 2,101 points')],
  })
  expect(await explain('{ nothing }')).toMatchObject({
    valid: false,
    cost: 0,
    errors: [expect.stringContaining('nothing')],
  })
  expect(
    await explain(
      `mutation { createContent(input: { title: "x", body: { raw: "x" } }) { __typename } }`,
    ),
  ).toMatchObject({ cost: 10 })
  const { data } = await gateway.query<{ contents: { nodes: unknown[] } }, object>(
    tenant,
    '{ contents { nodes { id } } }',
  )
  expect(data?.contents.nodes).toEqual([])
})

test('every operation that the README and GraphiQL show is within the limits', async () => {
  const readme = await readFile('README.md', 'utf8')
  const quoted = [...readme.matchAll(/"query": "((?:[^"\\]|\\.)*)"/g)].map(
    ([, text]) => JSON.parse(`"${text}"`) as string,
  )
  const blocks = [...readme.matchAll(/```graphql\n([^]*?)```/g)].map(([, text = '']) => text)
  expect([quoted.length >= 2, blocks.length >= 1]).toEqual([true, true])
  for (const document of [...quoted, ...blocks, ...exampleOperations(new Date())]) {
    const { errors } = planOperation(schema, { document, variables: {} })
    expect({ document, errors }).toEqual({ document, errors: [] })
  }
})
