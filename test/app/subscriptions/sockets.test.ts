import { expect, test, vi } from 'vitest'
import { startGateway } from '../../support/gateway.ts'
import { plantJob } from '../../support/jobs.ts'
import {
  openBareSocket,
  refusedUpgrade,
  socketClient,
  streamClient,
  subscribe,
} from '../../support/live.ts'

const quotaWatched = 'subscription { quotaChanged { sequence } }'

test('a page of another place opens no socket', async () => {
  await using gateway = await startGateway({
    ALLOWED_ORIGINS: 'https://studio.example.com,http://other',
  })
  const { origin: own, host } = new URL(gateway.url)
  for (const origin of [
    'https://evil.example.com',
    'null',
    `https://${host}.evil`,
    'http://other:81',
    '',
  ]) {
    expect(await refusedUpgrade(gateway.url, { origin })).toBe(403)
  }
  for (const origin of [own, 'https://studio.example.com', 'http://other']) {
    expect(await refusedUpgrade(gateway.url, { origin })).toBeUndefined()
  }
  expect(await refusedUpgrade(gateway.url, {})).toBeUndefined()
  expect(await refusedUpgrade(gateway.url.replace('/graphql', '/elsewhere'), {})).toBe(404)
})

test('who does not say who they are is let in by nothing', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const valid = `Bearer ${tenant.tokens.owner}`
  const expired = await gateway.signToken({
    subject: 'owner@test',
    tenantId: tenant.id,
    expiresIn: '-1h',
  })
  const payloads = [
    undefined,
    {},
    { authorization: 1 },
    { authorization: tenant.tokens.owner },
    { authorization: `Bearer ${expired}` },
    { authorization: `${valid}x` },
    { token: tenant.tokens.owner },
  ]
  for (const payload of payloads) {
    using bare = await openBareSocket(gateway.url)
    bare.send({ type: 'connection_init', payload })
    expect(await bare.closed).toBe(4403)
    expect(bare.received).toEqual([])
  }
  for (const payload of [{ authorization: valid }, { Authorization: valid }]) {
    using bare = await openBareSocket(gateway.url)
    bare.send({ type: 'connection_init', payload })
    await vi.waitFor(() => expect(bare.received).toMatchObject([{ type: 'connection_ack' }]))
  }
  using early = await openBareSocket(gateway.url)
  early.send({ type: 'subscribe', id: '1', payload: { query: quotaWatched } })
  expect(await early.closed).toBe(4401)
  using silent = await openBareSocket(gateway.url)
  expect(await silent.closed).toBe(4408)
})

test('nobody floods a socket', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const init = {
    type: 'connection_init',
    payload: { authorization: `Bearer ${tenant.tokens.owner}` },
  }
  const open = async () => {
    const bare = await openBareSocket(gateway.url)
    bare.send(init)
    await vi.waitFor(() => expect(bare.received).toHaveLength(1))
    return bare
  }
  const ask = (id: number) => ({ type: 'subscribe', id: `${id}`, payload: { query: quotaWatched } })

  using greedy = await open()
  for (let id = 0; id < 26; id++) greedy.send(ask(id))
  expect(await greedy.closed).toBe(4429)

  using fast = await open()
  for (let id = 0; id < 20_000; id++) fast.send(ask(id % 20))
  expect([4409, 4429]).toContain(await fast.closed)

  using pinging = await open()
  for (let count = 0; count < 10_000; count++) pinging.socket.ping()
  expect(await pinging.closed).toBe(4429)

  using chatty = await open()
  for (let count = 0; count < 10_000; count++) chatty.send({ type: 'ping' })
  expect(await chatty.closed).toBe(4429)

  using large = await openBareSocket(gateway.url)
  large.send({ ...init, payload: { padding: 'x'.repeat(64 * 1024) } })
  expect(await large.closed).toBe(1009)

  using content = await open()
  content.socket.send('not json')
  expect(await content.closed).toBe(4400)

  // Twenty-five at a time are fine, and places come back.
  using modest = await open()
  for (let id = 0; id < 25; id++) modest.send(ask(id))
  await vi.waitFor(() => expect(modest.received).toHaveLength(26))
})

test('of one address twenty may be silent, and of one tenant a hundred connected', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await using silent = new AsyncDisposableStack()
  const strangers = await Promise.all(Array.from({ length: 20 }, () => openBareSocket(gateway.url)))
  for (const stranger of strangers) silent.use(stranger)
  expect(await refusedUpgrade(gateway.url, {})).toBe(429)
  strangers[0]?.socket.terminate()
  await vi.waitFor(async () => expect(await refusedUpgrade(gateway.url, {})).toBeUndefined())
  await silent.disposeAsync()

  using held = new DisposableStack()
  const payload = { authorization: `Bearer ${tenant.tokens.owner}` }
  const connect = async () => {
    const bare = held.use(await openBareSocket(gateway.url))
    bare.send({ type: 'connection_init', payload })
    return bare
  }
  for (let count = 0; count < 99; count++) {
    const bare = await connect()
    await vi.waitFor(() => expect(bare.received).toHaveLength(1), { interval: 2 })
  }
  using stream = streamClient(gateway.url, tenant.tokens.owner)
  const hundredth = subscribe(stream, quotaWatched)
  await vi.waitFor(() => expect(hundredth.results).toHaveLength(1))
  expect(await (await connect()).closed).toBe(4429)
  const refused = subscribe(stream, quotaWatched)
  await vi.waitFor(() => expect(refused.failure).toMatchObject({ response: { status: 429 } }))

  const other = await gateway.newTenant({ name: 'Other' })
  using elsewhere = socketClient(gateway.url, other.tokens.owner)
  const unaffected = subscribe(elsewhere, quotaWatched)
  await vi.waitFor(() => expect(unaffected.results).toHaveLength(1))
  hundredth.unsubscribe()
  await vi.waitFor(async () => {
    const bare = await connect()
    await vi.waitFor(() => expect(bare.received).toHaveLength(1))
  })
})

test('a socket closes when its token expires, and so does a stream', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const claims = { subject: 'owner@test', tenantId: tenant.id }
  const token = await gateway.signToken({ ...claims, expiresIn: '2s' })
  using bare = await openBareSocket(gateway.url)
  bare.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })
  using client = streamClient(gateway.url, token)
  const stream = subscribe(client, quotaWatched)
  await vi.waitFor(() => expect(stream.results).toHaveLength(1))
  expect(await bare.closed).toBe(4403)
  await vi.waitFor(() => expect(stream.completed).toBe(true))
  expect(stream.results.at(-1)).toMatchObject({
    errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
  })
})

test('whoever is disabled, loses a brand or gets another role is disconnected', async () => {
  await using gateway = await startGateway()
  const changes = [
    `update users set disabled_at = now() where tenant_id = $1 and role = 'editor'`,
    `update users set role = 'viewer' where tenant_id = $1 and role = 'editor'`,
    `delete from brand_members where tenant_id = $1`,
  ]
  for (const change of changes) {
    const tenant = await gateway.newTenant({ name: change })
    const job = await plantJob(gateway, tenant, tenant.brands[0]?.id)
    const watched = `subscription { generationJob(id: "${job.id}") { kind } }`
    using sockets = socketClient(gateway.url, tenant.tokens.editor)
    using streams = streamClient(gateway.url, tenant.tokens.editor)
    const [socket, stream] = [subscribe(sockets, watched), subscribe(streams, watched)]
    const others = subscribe(socketClient(gateway.url, tenant.tokens.owner), watched)
    await vi.waitFor(() => {
      for (const { results } of [socket, stream, others]) expect(results).toHaveLength(1)
    })
    await gateway.database.admin.query(change, [tenant.id])
    await vi.waitFor(() => expect(socket.failure).toMatchObject({ code: 4403 }), 10_000)
    await vi.waitFor(() => expect(stream.completed).toBe(true), 10_000)
    expect(others).toMatchObject({ completed: false, failure: undefined })
    others.unsubscribe()
  }
})

test('an instance that stops says so', async () => {
  const gateway = await startGateway()
  const tenant = await gateway.newTenant()
  using sockets = socketClient(gateway.url, tenant.tokens.owner)
  using streams = streamClient(gateway.url, tenant.tokens.owner)
  const [socket, stream] = [subscribe(sockets, quotaWatched), subscribe(streams, quotaWatched)]
  await vi.waitFor(() =>
    expect([socket, stream].map(({ results }) => results.length)).toEqual([1, 1]),
  )
  await gateway[Symbol.asyncDispose]()
  await vi.waitFor(() => expect(socket.failure).toMatchObject({ code: 1001 }))
  await vi.waitFor(() => expect(stream.failure).toBeDefined())
  expect(stream.completed).toBe(false)
})

test('what is wrong with a request for a stream is said in the usual way', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const headers = {
    accept: 'text/event-stream',
    'content-type': 'application/json',
    authorization: `Bearer ${tenant.tokens.owner}`,
  }
  const statusOf = async (init: RequestInit, query = '') => {
    const response = await fetch(`${gateway.url}${query}`, { headers, ...init })
    await response.body?.cancel()
    return response.status
  }
  const post = (body: string) => ({ method: 'POST', body })
  expect(await statusOf(post('{"query":"{ viewer { scopes } }"}'))).toBe(200)
  expect(await statusOf(post('{'))).toBe(400)
  expect(await statusOf(post('{"query":1}'))).toBe(400)
  expect(await statusOf(post('{"query":"{a}","variables":"b"}'))).toBe(400)
  expect(await statusOf(post(`{"query":"${'x'.repeat(2 * 1024 ** 2)}"}`))).toBe(413)
  expect(await statusOf({ method: 'PUT' })).toBe(405)
  expect(
    await statusOf({ ...post('{}'), headers: { ...headers, 'content-type': 'text/plain' } }),
  ).toBe(415)
  expect(
    await statusOf({ ...post('{"query":"{a}"}'), headers: { ...headers, authorization: 'x' } }),
  ).toBe(401)
  expect(await statusOf({}, `?query=${encodeURIComponent(quotaWatched)}`)).toBe(200)
  expect(await statusOf({}, `?query=mutation{recalculateQuota(tenantId:"x"){__typename}}`)).toBe(
    405,
  )
})
