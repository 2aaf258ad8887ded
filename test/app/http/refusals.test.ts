import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { watchSecret } from '../../support/canaries.ts'
import { startGateway } from '../../support/gateway.ts'
import { productionLike } from '../../support/profiles.ts'
import { send, sendBytes } from '../../support/send.ts'

const json = { 'content-type': 'application/json' }
const typename = '{"query":"{ __typename }"}'

interface Refused {
  title: string
  method?: string
  path?: string
  headers?: Record<string, string>
  body?: string
  /** `*` stands for whichever 4xx. */
  status: number
  code: string
}

const refusals: readonly Refused[] = [
  { title: 'no such place', path: '/nowhere', status: 404, code: 'NOT_FOUND' },
  { title: 'another case', path: '/GraphQL', status: 404, code: 'NOT_FOUND' },
  { title: 'PUT', method: 'PUT', status: 405, code: 'METHOD_NOT_ALLOWED' },
  { title: 'DELETE', method: 'DELETE', status: 405, code: 'METHOD_NOT_ALLOWED' },
  { title: 'TRACE', method: 'TRACE', status: 405, code: 'METHOD_NOT_ALLOWED' },
  { title: 'OPTIONS', method: 'OPTIONS', status: 405, code: 'METHOD_NOT_ALLOWED' },
  {
    title: 'a method for a probe',
    method: 'POST',
    path: '/readyz',
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
  },
  { title: 'no type', status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' },
  {
    title: 'an answer we cannot give',
    headers: { ...json, accept: 'application/xml' },
    body: typename,
    status: 406,
    code: 'NOT_ACCEPTABLE',
  },
  {
    title: 'a compressed body',
    headers: { ...json, 'content-encoding': 'gzip' },
    body: 'x',
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    title: 'an expectation',
    headers: { ...json, expect: '200-ok' },
    body: typename,
    status: 417,
    code: 'EXPECTATION_FAILED',
  },
  { title: 'no JSON', headers: json, body: '{', status: 400, code: 'BAD_REQUEST' },
  { title: 'no body', headers: json, status: 400, code: 'BAD_REQUEST' },
  { title: 'no query', headers: json, body: '{}', status: 400, code: 'BAD_REQUEST' },
  { title: 'a query of 1', headers: json, body: '{"query":1}', status: 400, code: 'BAD_REQUEST' },
  {
    title: 'no token',
    headers: { ...json, authorization: '' },
    body: typename,
    status: 401,
    code: 'UNAUTHENTICATED',
  },
  {
    title: 'too much',
    headers: { ...json, 'content-length': String(2 ** 22) },
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
  },
]

test.each([
  { profile: 'development', env: {}, hsts: undefined },
  { profile: 'production', env: productionLike, hsts: 'max-age=31536000' },
])('every answer is guarded, and every refusal has a code, in $profile', async ({ env, hsts }) => {
  await using gateway = await startGateway(env)
  const { tokens } = await gateway.newTenant()
  const port = Number(new URL(gateway.url).port)
  const authorization = `Bearer ${tokens.owner}`
  const expectGuards = (title: string, headers: Record<string, string>) => {
    expect({ title, ...headers }).toMatchObject({
      title,
      'x-request-id': expect.stringMatching(/^[\da-f-]{36}$/),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    })
    expect(headers['strict-transport-security']).toBe(hsts)
    expect(headers['x-powered-by']).toBeUndefined()
  }
  for (const { title, method = 'POST', path = '/graphql', status, code, ...rest } of refusals) {
    const headers = { authorization, ...rest.headers }
    const answer = await send(port, { method, path, headers, body: rest.body })
    expect({ title, status: answer.status }).toEqual({ title, status })
    expectGuards(title, answer.headers)
    expect(answer.headers['content-type']).toMatch(/^application\/json/)
    const { errors } = JSON.parse(answer.body) as { errors: object[] }
    expect({ title, errors }).toMatchObject({ title, errors: [{ extensions: { code } }] })
    expect(errors).toHaveLength(1)
    const says = answer.headers['allow'] !== undefined
    expect({ title, says }).toEqual({ title, says: status === 405 })
  }
  const good = { authorization, ...json }
  const fine = await send(port, { method: 'POST', path: '/graphql', headers: good, body: typename })
  expect(fine.status).toBe(200)
  expectGuards('fine', fine.headers)
  for (const path of ['/livez', '/readyz']) {
    expectGuards(path, (await send(port, { method: 'GET', path })).headers)
  }
  expect(gateway.failures).toEqual([])
})

test('what is no sound HTTP is answered once and hung up on', async () => {
  await using gateway = await startGateway()
  const { tokens } = await gateway.newTenant()
  const port = Number(new URL(gateway.url).port)
  const head = `POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${tokens.owner}\r\ncontent-type: application/json\r\n`
  const second = `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`
  const many = (count: number, size: number) =>
    Array.from({ length: count }, (_, index) => `x${index}: ${'y'.repeat(size)}\r\n`).join('')
  const cases: readonly (readonly [title: string, bytes: string, status: number])[] = [
    [
      'two lengths of a kind',
      `${head}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${second}`,
      400,
    ],
    [
      'the same, the other way round',
      `${head}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n${second}`,
      400,
    ],
    ['two lengths', `${head}content-length: 4\r\ncontent-length: 5\r\n\r\nabcde`, 400],
    ['a length with a sign', `${head}content-length: +4\r\n\r\nabcd`, 400],
    ['an encoding that is not chunked', `${head}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n`, 400],
    ['chunked, then something', `${head}transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n`, 400],
    ['a chunk without a size', `${head}transfer-encoding: chunked\r\n\r\nxyz\r\n\r\n`, 400],
    ['a space before the colon', `${head}content-length : 4\r\n\r\nabcd`, 400],
    ['a folded header', `${head}x: 1\r\n content-length: 4\r\n\r\nabcd`, 400],
    ['a lone line feed', `${head}x: 1\nfoo: 2\r\n\r\n`, 400],
    ['two hosts', `${head}host: other\r\ncontent-length: 0\r\n\r\n`, 400],
    ['no host', `POST /graphql HTTP/1.1\r\ncontent-length: 0\r\n\r\n`, 400],
    ['no HTTP', `\x16\x03\x01\x02\x00\x01\r\n\r\n`, 400],
    ['100 kB of headers', `${head}${many(1, 100_000)}\r\n`, 431],
    ['2,000 headers', `${head}${many(2_000, 1)}\r\n`, 431],
    ['a hundred headers', `${head}${many(100, 1)}content-length: 0\r\n\r\n`, 431],
  ]
  for (const [title, bytes, status] of cases) {
    const answer = await sendBytes(port, bytes)
    expect({ title, status: answer.status }).toEqual({ title, status })
    // One answer: the second request of a smuggler is never looked at.
    expect(answer.body).not.toContain('HTTP/1.1')
    expect(answer.headers['connection']).toBe('close')
  }
  expect(gateway.failures).toEqual([])
})

test('a client’s own request id is kept if it is one and nothing else', async () => {
  await using gateway = await startGateway()
  const port = Number(new URL(gateway.url).port)
  const idFor = async (given: string) => {
    const headers = { 'x-request-id': given }
    return (await send(port, { method: 'GET', path: '/livez', headers })).headers['x-request-id']
  }
  for (const id of [
    '0197c0de-0000-7000-8000-000000000001',
    '4bf92f3577b34da6a3ce929d0e0e4736',
    'A'.repeat(64),
  ]) {
    expect(await idFor(id)).toBe(id)
  }
  for (const id of [
    '',
    'x',
    'a'.repeat(65),
    'a'.repeat(15),
    'sk-live-0123456789abcdef',
    '<script>alert(1)</script>',
    '{"a":1}a0a0a0a0a0',
  ]) {
    expect(await idFor(id)).toMatch(/^[\da-f]{8}-[\da-f-]{27}$/)
    expect(await idFor(id)).not.toBe(id)
  }
})

/** A key, wherever somebody may put it by mistake. */
function misplaced(key: string): readonly [title: string, body: unknown][] {
  const viewer = '{ viewer { scopes } }'
  const create = 'mutation ($i: CreateContentInput!) { createContent(input: $i) { __typename } }'
  const input = { title: 'x', body: { raw: 'x' } }
  return [
    ['the query', { query: key }],
    ['a field', { query: `{ ${key} }` }],
    ['an argument', { query: `{ viewer(${key}: 1) { scopes } }` }],
    ['text for a number', { query: `{ contents(first: "${key}") { nodes { id } } }` }],
    [
      'text for an enum',
      { query: `{ contents(where: { type: { eq: "${key}" } }) { nodes { id } } }` },
    ],
    [
      'a name for an enum',
      { query: `{ contents(where: { type: { eq: ${key} } }) { nodes { id } } }` },
    ],
    [
      'a variable for a number',
      { query: 'query ($n: Int) { contents(first: $n) { nodes { id } } }', variables: { n: key } },
    ],
    [
      'a variable for an id',
      { query: 'query ($id: ID!) { node(id: $id) { id } }', variables: { id: [key] } },
    ],
    ['an input for an object', { query: create, variables: { i: key } }],
    ['a field of an input', { query: create, variables: { i: { ...input, [key]: 1 } } }],
    ['an enum of an input', { query: create, variables: { i: { ...input, type: key } } }],
    ['a date of an input', { query: create, variables: { i: { ...input, scheduledAt: key } } }],
    ['the operation’s name', { query: viewer, operationName: key }],
    ['a name that is no text', { query: viewer, operationName: { key } }],
    ['a variable nobody asked for', { query: viewer, variables: { [key]: key } }],
    ['variables that are text', { query: viewer, variables: key }],
    ['extensions', { query: viewer, extensions: { key } }],
    ['extensions that are text', { query: viewer, extensions: key }],
    ['a fragment', { query: `{ ...${key} }` }],
    ['a type', { query: `query ($x: ${key}) { viewer { scopes } }` }],
    ['a directive', { query: `{ viewer @${key} { scopes } }` }],
    ['a body', key],
    ['a list', [key]],
  ]
}

test.each([
  { profile: 'development', env: {} },
  { profile: 'production', env: productionLike },
])(
  'a key that is sent where it does not belong comes back from nowhere in $profile',
  async ({ env }) => {
    await using gateway = await startGateway(env)
    const { tokens } = await gateway.newTenant()
    const key = `sk_live_${randomBytes(20).toString('hex')}`
    // Its traces are looked for in the log, too.
    watchSecret(key)
    const echoes: string[] = []
    for (const [title, body] of misplaced(key)) {
      for (const accept of ['application/json', 'text/event-stream']) {
        const headers = { authorization: `Bearer ${tokens.owner}`, ...json, accept }
        const answer = await fetch(gateway.url, {
          method: 'POST',
          headers,
          body: JSON.stringify(body),
        })
        const text = await answer.text()
        if (text.includes(key)) echoes.push(`${title} ${accept}: ${text}`)
        expect(answer.status).toBeLessThan(500)
        expect(text.length).toBeLessThan(16_384)
      }
    }
    expect(echoes).toEqual([])
  },
)
