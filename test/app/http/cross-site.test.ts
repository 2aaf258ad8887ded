import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startGateway, type TestGateway, type TestTenant } from '../../support/gateway.ts'
import { refusedUpgrade } from '../../support/live.ts'
import { productionLike } from '../../support/profiles.ts'
import { send } from '../../support/send.ts'

const studio = 'https://studio.example.com'
const evil = 'https://evil.example.com'

const mutation =
  'mutation { createContent(input: { title: "x", body: { raw: "x" } }) { __typename } }'
const asJson = JSON.stringify({ query: mutation })
const asForm = `query=${encodeURIComponent(mutation)}`
const asMultipart = [
  '--x',
  'content-disposition: form-data; name="operations"',
  '',
  asJson,
  '--x--',
  '',
].join('\r\n')

/** What a page can make a browser send without asking; the bearer's token stands in for a cookie. */
const simple: readonly {
  title: string
  method?: 'GET'
  body?: string
  headers?: Record<string, string>
  status?: number
}[] = [
  { title: 'a query in the address', method: 'GET', status: 403 },
  { title: 'the same, by a link', method: 'GET', headers: { 'sec-fetch-site': 'cross-site' } },
  { title: 'the same, for a stream', method: 'GET', headers: { accept: 'text/event-stream' } },
  {
    title: 'a form',
    body: asForm,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  },
  {
    title: 'a form with JSON in it',
    body: asJson,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  },
  {
    title: 'a form with files',
    body: asMultipart,
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
  },
  { title: 'text', body: asJson, headers: { 'content-type': 'text/plain' } },
  {
    title: 'text that says JSON',
    body: asJson,
    headers: { 'content-type': 'text/plain; application/json' },
  },
  { title: 'no type', body: asJson },
  { title: 'two types', body: asJson, headers: { 'content-type': 'application/json,text/plain' } },
  {
    title: 'a form for a stream',
    body: asJson,
    headers: { 'content-type': 'text/plain', accept: 'text/event-stream' },
  },
  {
    title: 'JSON of a page of another origin',
    body: asJson,
    headers: { 'content-type': 'application/json', origin: evil },
    status: 403,
  },
  {
    title: 'JSON of a page that hides its origin',
    body: asJson,
    headers: { 'content-type': 'application/json', origin: 'null' },
    status: 403,
  },
  {
    title: 'JSON across sites without an origin',
    body: asJson,
    headers: { 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' },
    status: 403,
  },
]

async function countContents({ database }: TestGateway): Promise<number> {
  const { rows } = await database.admin.query<{ count: string }>(
    'select count(*) from content_items',
  )
  return Number(rows[0]?.count)
}

test.each([
  { profile: 'development', env: {} },
  { profile: 'production', env: productionLike },
])('what a page can send unasked is not executed in $profile', async ({ env }) => {
  await using gateway = await startGateway({ ...env, ALLOWED_ORIGINS: studio })
  const { tokens } = await gateway.newTenant()
  const authorization = `Bearer ${tokens.owner}`
  const port = Number(new URL(gateway.url).port)
  const before = await countContents(gateway)
  for (const { title, method = 'POST', headers = {}, body } of simple) {
    const path = method === 'GET' ? `/graphql?${asForm}` : '/graphql'
    const answer = await send(port, { method, path, body, headers: { authorization, ...headers } })
    expect({ title, refused: [403, 405, 415].includes(answer.status) }).toEqual({
      title,
      refused: true,
    })
    expect(JSON.parse(answer.body)).toMatchObject({
      errors: [{ extensions: { code: expect.any(String) } }],
    })
  }
  expect(await countContents(gateway)).toBe(before)
  const deliberate = { authorization, 'content-type': 'application/json' }
  const done = await send(port, {
    method: 'POST',
    path: '/graphql',
    body: asJson,
    headers: deliberate,
  })
  expect(done.body).toContain('ContentSuccess')
  expect(await countContents(gateway)).toBe(before + 1)
})

test('a query in the address is answered for programs, in development only', async () => {
  const query = '/graphql?query={viewer{scopes}}'
  for (const [env, status] of [
    [{}, 200],
    [productionLike, 405],
  ] as const) {
    await using gateway = await startGateway(env)
    const { tokens } = await gateway.newTenant()
    const port = Number(new URL(gateway.url).port)
    for (const name of ['x-csrf-prevention', 'apollo-require-preflight']) {
      const headers = { authorization: `Bearer ${tokens.owner}`, [name]: '1' }
      expect((await send(port, { method: 'GET', path: query, headers })).status).toBe(status)
    }
  }
})

const preflight = (origin: string) => ({
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type',
  },
})

function ask(gateway: TestGateway, { tokens }: TestTenant, origin: string) {
  return fetch(gateway.url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${tokens.owner}`,
      'content-type': 'application/json',
      origin,
    },
    body: '{"query":"{ viewer { scopes } }"}',
  })
}

test('pages on the list may use the API, and no others', async () => {
  await using gateway = await startGateway({ ALLOWED_ORIGINS: `http://other,${studio}` })
  const tenant = await gateway.newTenant()
  for (const origin of [studio, 'http://other']) {
    const asked = await fetch(gateway.url, preflight(origin))
    expect(asked.status).toBe(204)
    expect(asked.headers.get('access-control-allow-origin')).toBe(origin)
    expect(asked.headers.get('access-control-allow-methods')).toBe('POST, GET')
    expect(asked.headers.get('access-control-allow-headers')).toContain('authorization')
    expect(asked.headers.get('access-control-allow-credentials')).toBeNull()
    const answer = await ask(gateway, tenant, origin)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
    expect(answer.headers.get('access-control-expose-headers')).toContain('x-request-id')
    expect(answer.headers.get('vary')).toBe('origin')
  }
  const own = await ask(gateway, tenant, new URL(gateway.url).origin)
  expect(own.status).toBe(200)
  for (const origin of [
    evil,
    'null',
    `${studio}.evil`,
    `${studio}:444`,
    'http://studio.example.com',
  ]) {
    const asked = await fetch(gateway.url, preflight(origin))
    expect({ origin, status: asked.status }).toEqual({ origin, status: 405 })
    const answer = await ask(gateway, tenant, origin)
    expect({ origin, status: answer.status }).toEqual({ origin, status: 403 })
    for (const { headers } of [asked, answer]) {
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
      expect(headers.get('vary')).toBe('origin')
    }
  }
})

test('a cookie opens no socket and lets nobody in', async () => {
  await using gateway = await startGateway({ ...productionLike, ALLOWED_ORIGINS: studio })
  const { tokens } = await gateway.newTenant()
  const cookie = `authorization=Bearer ${tokens.owner}; token=${tokens.owner}`
  for (const origin of [evil, 'null', '', 'http://studio.example.com', `${studio}.evil.com`]) {
    expect(await refusedUpgrade(gateway.url, { cookie, origin })).toBe(403)
  }
  expect(await refusedUpgrade(gateway.url, { cookie, 'sec-fetch-site': 'cross-site' })).toBe(403)
  // Without an origin it is no browser, and says who it is like everybody else.
  for (const headers of [
    { cookie },
    { cookie, origin: studio },
    { cookie, authorization: `Bearer ${tokens.owner}` },
  ]) {
    const socket = new WebSocket(gateway.url.replace('http', 'ws'), 'graphql-transport-ws', {
      headers,
    })
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.once('open', () => socket.send('{"type":"connection_init"}'))
    expect(await closed).toBe(4403)
  }
})
