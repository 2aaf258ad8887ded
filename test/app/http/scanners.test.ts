import { expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { productionLike } from '../../support/profiles.ts'
import { type RawAnswer, send } from '../../support/send.ts'

type Headers = Record<string, string>

/** One question a scanner asks. */
interface Check {
  title: string
  /** A query, sent as one does … */
  query?: string
  variables?: object
  /** … or whatever else is sent. */
  method?: string
  path?: string
  headers?: Headers
  body?: string
  /** What a scanner takes for a finding. */
  finds(answer: RawAnswer): boolean
}

const wasExecuted = ({ body }: RawAnswer) => body.includes('"data":{')
const isPage = ({ headers, body }: RawAnswer) =>
  (headers['content-type'] ?? '').includes('html') || /graphiql|playground|<html/i.test(body)
const repeat = (count: number, make: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => make(index)).join(' ')
const json = { 'content-type': 'application/json' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }
const typename = '{ __typename }'
const inAddress = (query: string) => `/graphql?query=${encodeURIComponent(query)}`
const introspection = '{ __schema { types { name fields { name } } } }'
const create = (title: string) =>
  `mutation { createContent(input: { title: ${title}, body: { raw: "x" } }) { __typename ... on ContentSuccess { content { title } } ... on Error { message } } }`

/** As graphql-cop 1.14 asks. */
const cop: readonly Check[] = [
  {
    title: 'alias overloading',
    query: `{ ${repeat(101, (n) => `a${n}: __typename`)} }`,
    finds: wasExecuted,
  },
  {
    title: 'array batching',
    body: JSON.stringify(Array.from({ length: 10 }, () => ({ query: typename }))),
    headers: json,
    finds: wasExecuted,
  },
  {
    title: 'directive overloading',
    query: `{ __typename ${'@aa'.repeat(10)} }`,
    finds: ({ body }) => (body.match(/Unknown directive/g) ?? []).length >= 10,
  },
  {
    title: 'circular introspection',
    query: '{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }',
    finds: wasExecuted,
  },
  {
    title: 'field duplication',
    query: `{ ${repeat(500, () => '__typename')} }`,
    finds: wasExecuted,
  },
  { title: 'introspection', query: introspection, finds: ({ body }) => body.includes('"types"') },
  {
    title: 'field suggestions',
    query: '{ contentss { nodes { id } } viewe { scopes } }',
    finds: ({ body }) => /did you mean/i.test(body),
  },
  {
    title: 'GraphiQL',
    method: 'GET',
    path: '/graphql',
    headers: { accept: 'text/html' },
    finds: isPage,
  },
  {
    title: 'queries by GET',
    method: 'GET',
    path: inAddress(typename),
    headers: { 'x-csrf-prevention': '1' },
    finds: wasExecuted,
  },
  {
    title: 'mutations by GET',
    method: 'GET',
    path: inAddress(create('"x"')),
    headers: { 'x-csrf-prevention': '1' },
    finds: wasExecuted,
  },
  {
    title: 'forms',
    headers: form,
    body: `query=${encodeURIComponent(typename)}`,
    finds: wasExecuted,
  },
  {
    title: 'tracing',
    query: typename,
    headers: { 'apollo-tracing': '1' },
    finds: ({ body }) => /tracing|startTime|duration/i.test(body),
  },
  {
    title: 'unhandled errors',
    query: 'qwerty { abc }',
    finds: ({ body }) => /stack|exception|node_modules|\.ts:/i.test(body),
  },
]

const deep = (depth: number) =>
  `{ contents(first: 1) { nodes { ${'brand { tenant { brands { '.repeat(depth)} id ${'} } }'.repeat(depth)} } } }`

/** As the lessons of Damn Vulnerable GraphQL Application go. */
const dvga: readonly Check[] = [
  {
    title: 'batch query attack',
    headers: json,
    body: JSON.stringify([{ query: typename }, { query: introspection }]),
    finds: wasExecuted,
  },
  { title: 'deep recursion', query: deep(100), finds: wasExecuted },
  {
    title: 'resource-intensive query',
    query: '{ contents(first: 100000) { nodes { id } } }',
    finds: wasExecuted,
  },
  {
    title: 'field duplication attack',
    query: `{ contents { nodes { ${repeat(1_000, () => 'id')} } } }`,
    finds: wasExecuted,
  },
  {
    title: 'aliases-based attack',
    query: `{ ${repeat(200, (n) => `q${n}: viewer { scopes }`)} }`,
    finds: wasExecuted,
  },
  {
    title: 'circular fragments',
    query: 'query { viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { ...a }',
    finds: wasExecuted,
  },
  {
    title: 'discovering GraphQL: a fingerprint without a token',
    headers: { ...json, authorization: '' },
    body: JSON.stringify({ query: typename }),
    finds: wasExecuted,
  },
  {
    title: 'introspection by __type',
    query: '{ __type(name: "Content") { fields { name } } }',
    finds: ({ body }) => body.includes('"fields"'),
  },
  {
    title: 'introspection past a filter',
    query: 'query X { ...f } fragment f on Query { s: __schema\n{ queryType { name } } }',
    finds: ({ body }) => body.includes('"queryType"'),
  },
  {
    title: 'GraphQL interface',
    method: 'GET',
    path: '/',
    headers: { accept: 'text/html' },
    finds: isPage,
  },
  {
    title: 'GraphQL interface at its usual places',
    method: 'GET',
    path: '/graphiql',
    headers: { accept: 'text/html', cookie: 'env=graphiql:enable' },
    finds: isPage,
  },
  {
    title: 'GraphQL field suggestions',
    query: '{ viewer { scope } brandz { id } }',
    finds: ({ body }) => /did you mean|scopes/i.test(body),
  },
  {
    title: 'server-side request forgery',
    query:
      '{ content(ref: { externalRef: { system: "http://127.0.0.1:1", id: "http://169.254.169.254/latest/meta-data" } }) { id } }',
    finds: ({ body }) => /ECONNREFUSED|meta-data|http:/.test(body),
  },
  {
    title: 'stored injection of HTML',
    query: create(String.raw`"<script>alert(1)</script>"`),
    finds: ({ headers }) =>
      !/json/.test(headers['content-type'] ?? '') ||
      headers['x-content-type-options'] !== 'nosniff',
  },
  {
    title: 'log injection',
    query: 'query a_b { viewer { scopes } }',
    headers: { 'x-request-id': 'x%0d%0aERROR' },
    finds: ({ headers }) => headers['x-request-id'] === 'x%0d%0aERROR',
  },
  {
    title: 'injection of SQL',
    query: String.raw`{ contents(where: { title: { contains: "x' or '1'='1" } }) { nodes { id } totalCount { value } } }`,
    finds: ({ body }) => /syntax|"value":[1-9]/.test(body),
  },
  {
    title: 'injection of a command',
    query:
      '{ contents(where: { title: { contains: "; uname -a; `id` $(id)" } }) { nodes { id } } }',
    finds: ({ body }) => /Linux|uid=/.test(body),
  },
  {
    title: 'a token without a signature',
    headers: {
      ...json,
      authorization: `Bearer ${[{ alg: 'none' }, { sub: 'owner@test' }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`,
    },
    body: JSON.stringify({ query: typename }),
    finds: wasExecuted,
  },
  {
    title: 'a denied query under another name',
    query: 'query getPastes { s: __schema { directives { name } } }',
    finds: ({ body }) => body.includes('"directives"'),
  },
  {
    title: 'a path out of the directory',
    query: create('"../../etc/passwd"'),
    method: 'POST',
    path: '/graphql/../../etc/passwd',
    finds: ({ status }) => status !== 404,
  },
  {
    title: 'weak passwords, tried by aliases',
    query: `mutation { ${repeat(100, (n) => `l${n}: login(username: "admin", password: "${n}") { token }`)} }`,
    finds: ({ body }) => body.includes('token"'),
  },
]

async function ask(gateway: TestGateway, token: string, check: Check): Promise<RawAnswer> {
  const { query, variables, method = 'POST', path = '/graphql', headers, body } = check
  return send(Number(new URL(gateway.url).port), {
    method,
    path,
    headers: { authorization: `Bearer ${token}`, ...(query && json), ...headers },
    body: body ?? (query && JSON.stringify({ query, variables })),
  })
}

test('known scanners find nothing in production', async () => {
  await using gateway = await startGateway(productionLike)
  const { tokens } = await gateway.newTenant()
  const checks = [...cop, ...dvga]
  expect(checks).toHaveLength(34)
  const findings: string[] = []
  for (const check of checks) {
    const answer = await ask(gateway, tokens.owner, check)
    const { status, body } = answer
    if (check.finds(answer) || status >= 500 || status === 0 || body.length > 16_384) {
      findings.push(`${check.title}: ${status} ${body.slice(0, 100)}`)
    }
  }
  expect(findings).toEqual([])
  expect(gateway.failures).toEqual([])
})

test('the scanners would find what is open in development', async () => {
  await using gateway = await startGateway()
  const { tokens } = await gateway.newTenant()
  const found: string[] = []
  for (const check of cop)
    if (check.finds(await ask(gateway, tokens.owner, check))) found.push(check.title)
  expect(found).toEqual(
    expect.arrayContaining(['introspection', 'field suggestions', 'queries by GET']),
  )
})
