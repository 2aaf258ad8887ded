import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { mapLimit } from '../../../src/lib/map-limit.ts'
import { startGateway } from '../../support/gateway.ts'

const ours = 'graphql-transport-ws'

/** Sent as it is, as JSON, or with a pause until a message of that type has come. */
type Step = string | Buffer | object | { until: string }

interface Case {
  title: string
  sends: readonly Step[]
  /** Everything that comes, in order. */
  receives?: readonly object[]
  /** The code it is closed with; without one it stays open. */
  closes?: number
  protocols?: readonly string[]
}

const token = Symbol('a valid token')
const init = { type: 'connection_init', payload: token }
const ack = { type: 'connection_ack' }
const until = (type: string) => ({ until: type })
const admitted = [init, until('connection_ack')]

const scopes = '{ viewer { scopes } }'
const watched = 'subscription { quotaChanged { sequence } }'
const ask = (id: unknown, query: unknown = scopes, rest: object = {}) => ({
  type: 'subscribe',
  id,
  payload: { query, ...rest },
})
const next = (id: string) => ({ type: 'next', id, payload: { data: expect.anything() } })
const complete = (id: string) => ({ type: 'complete', id })
const error = (id: string) => ({
  type: 'error',
  id,
  payload: [{ message: expect.any(String), extensions: { code: 'BAD_USER_INPUT' } }],
})

const refused = (title: string, message: Step): Case => ({
  title,
  sends: [...admitted, message],
  receives: [ack],
  closes: 4400,
})

const cases: readonly Case[] = [
  { title: 'no subprotocol', sends: [], protocols: [], closes: 4406 },
  { title: 'ours among others', sends: [init], protocols: ['x', ours], receives: [ack] },

  { title: 'a token', sends: [init], receives: [ack] },
  { title: 'a token in a binary message', sends: [{ binary: init }], receives: [ack] },
  { title: 'no payload', sends: [{ type: 'connection_init' }], closes: 4403 },
  { title: 'an empty payload', sends: [{ type: 'connection_init', payload: {} }], closes: 4403 },
  { title: 'a payload of null', sends: [{ type: 'connection_init', payload: null }], closes: 4403 },
  {
    title: 'a token that is none',
    sends: [{ type: 'connection_init', payload: { authorization: 'Bearer x' } }],
    closes: 4403,
  },
  { title: 'a payload of text', sends: [{ type: 'connection_init', payload: 'x' }], closes: 4400 },
  { title: 'a payload of a list', sends: [{ type: 'connection_init', payload: [] }], closes: 4400 },
  { title: 'a second init', sends: [...admitted, init], receives: [ack], closes: 4429 },
  { title: 'two inits at once', sends: [init, init], closes: 4429 },
  { title: 'silence', sends: [], closes: 4408 },
  {
    title: 'a ping in place of an init',
    sends: [{ type: 'ping' }],
    receives: [{ type: 'pong' }],
    closes: 4408,
  },
  { title: 'a subscription before the init', sends: [ask('1')], closes: 4401 },
  { title: 'a subscription before the ack', sends: [init, ask('1')], closes: 4401 },
  { title: 'a complete before the init', sends: [complete('1'), init], receives: [ack] },

  { title: 'what is no JSON', sends: ['x'], closes: 4400 },
  { title: 'an empty message', sends: [''], closes: 4400 },
  { title: 'a list', sends: ['[]'], closes: 4400 },
  { title: 'null', sends: ['null'], closes: 4400 },
  { title: 'no type', sends: [{ id: '1' }], closes: 4400 },
  { title: 'a type that is no text', sends: [{ type: 1 }], closes: 4400 },
  { title: 'a type that is unknown', sends: [{ type: 'start' }], closes: 4400 },
  { title: 'what is no UTF-8', sends: [Buffer.from('fffec328', 'hex')], closes: 1007 },
  { title: 'too much', sends: [{ ...init, more: 'x'.repeat(65_536) }], closes: 1009 },
  refused('an ack', ack),
  refused('a next', { type: 'next', id: '1', payload: {} }),
  refused('an error', { type: 'error', id: '1', payload: [{ message: 'x' }] }),
  refused('a complete without an id', { type: 'complete' }),
  refused('a ping with text', { type: 'ping', payload: 'x' }),
  refused('a subscription without an id', ask(undefined)),
  refused('an id that is empty', ask('')),
  refused('an id that is a number', ask(1)),
  refused('a subscription without a payload', { type: 'subscribe', id: '1' }),
  refused('a query that is no text', ask('1', 1)),
  refused('variables that are a list', ask('1', scopes, { variables: [] })),
  refused('an operation’s name that is no text', ask('1', scopes, { operationName: 1 })),
  refused('extensions that are text', ask('1', scopes, { extensions: 'x' })),

  {
    title: 'a query',
    sends: [...admitted, ask('1')],
    receives: [ack, next('1'), complete('1')],
  },
  {
    title: 'a query with more beside it',
    sends: [...admitted, { ...ask('1', scopes, { extensions: { x: 1 }, y: 2 }), z: 3 }],
    receives: [ack, next('1'), complete('1')],
  },
  {
    title: 'an id that means something to JavaScript',
    sends: [...admitted, ask('__proto__'), until('complete'), ask('constructor')],
    receives: [ack, ...['__proto__', 'constructor'].flatMap((id) => [next(id), complete(id)])],
  },
  {
    title: 'a document that cannot be read',
    sends: [...admitted, ask('1', '{')],
    receives: [ack, error('1')],
  },
  {
    title: 'a field that is not there',
    sends: [...admitted, ask('1', '{ x }')],
    receives: [ack, error('1')],
  },
  {
    title: 'a subscription to nothing',
    sends: [...admitted, ask('1', 'subscription { x }')],
    receives: [ack, error('1')],
  },
  {
    title: 'an id once more, after an error',
    sends: [...admitted, ask('1', '{'), until('error'), ask('1')],
    receives: [ack, error('1'), next('1'), complete('1')],
  },
  {
    title: 'a subscription',
    sends: [...admitted, ask('1', watched)],
    receives: [ack, next('1')],
  },
  {
    title: 'an id that is in use',
    sends: [...admitted, ask('1', watched), until('next'), ask('1', watched)],
    receives: [ack, next('1')],
    closes: 4409,
  },
  {
    title: 'an id once more, after it was completed',
    sends: [...admitted, ask('1'), until('complete'), ask('1')],
    receives: [ack, next('1'), complete('1'), next('1'), complete('1')],
  },
  {
    title: 'a complete that comes twice',
    sends: [...admitted, ask('1', watched), until('next'), complete('1'), complete('1')],
    receives: [ack, next('1')],
  },
  {
    title: 'a complete that comes late',
    sends: [...admitted, ask('1'), until('complete'), complete('1')],
    receives: [ack, next('1'), complete('1')],
  },
  {
    title: 'a complete of what never was',
    sends: [...admitted, complete('x'), ask('1')],
    receives: [ack, next('1'), complete('1')],
  },
  {
    title: 'a ping with a payload',
    sends: [...admitted, { type: 'ping', payload: { at: 1 } }],
    receives: [ack, { type: 'pong', payload: { at: 1 } }],
  },
  {
    title: 'a pong that nobody asked for',
    sends: [...admitted, { type: 'pong' }],
    receives: [ack],
  },
  {
    title: 'twenty-six at a time',
    sends: [...admitted, ...Array.from({ length: 26 }, (_, id) => ask(`${id}`, watched))],
    closes: 4429,
  },
]

const probe = { type: 'pong', payload: { probe: true } }

/** What happens on a socket: everything that came before the last probe, and how it was closed. */
async function converse(url: string, bearer: string, { sends, protocols = [ours] }: Case) {
  const socket = new WebSocket(url.replace('http', 'ws'), [...protocols])
  const received: { type: string }[] = []
  socket.on('message', (data) =>
    received.push(JSON.parse((data as Buffer).toString()) as { type: string }),
  )
  let code: number | undefined
  socket.on('close', (closed) => (code = closed))
  socket.on('error', () => {})
  await once(socket, 'open')
  const asJson = (value: object) =>
    JSON.stringify(value, (_key, inner: unknown) =>
      inner === token ? { authorization: `Bearer ${bearer}` } : inner,
    )
  for (const step of sends) {
    if (typeof step === 'string') socket.send(step)
    else if (Buffer.isBuffer(step)) socket.send(step, { binary: false })
    else if ('binary' in step) socket.send(Buffer.from(asJson(step['binary'] as object)))
    else if ('until' in step) {
      const seen = (message: { type: string }) => message.type === step.until
      await vi.waitUntil(() => received.some(seen), { interval: 2, timeout: 5_000 })
    } else socket.send(asJson({ ...step }))
  }
  return {
    received,
    closed: () => vi.waitUntil(() => code, { interval: 5, timeout: 5_000 }),
    /** Whether it is still there, and has no more to say than this. */
    async settles(count: number) {
      await vi.waitUntil(() => received.length >= count, { interval: 2, timeout: 5_000 })
      socket.send(JSON.stringify({ type: 'ping', payload: probe.payload }))
      await vi.waitUntil(() => received.some(isProbe), { interval: 2, timeout: 5_000 })
      return received.filter((message) => !isProbe(message))
    },
    [Symbol.dispose]: () => socket.terminate(),
  }
}

function isProbe(message: object): boolean {
  return JSON.stringify(message) === JSON.stringify(probe)
}

test(
  'what is sent over a socket is answered as the protocol says',
  { timeout: 60_000 },
  async () => {
    await using gateway = await startGateway()
    const tenant = await gateway.newTenant()
    // Fewer than may be silent at a time.
    await mapLimit(cases, 8, async (each) => {
      const { title, receives = [], closes } = each
      using talk = await converse(gateway.url, tenant.tokens.owner, each)
      const code = closes && (await talk.closed())
      const messages = closes ? talk.received : await talk.settles(receives.length)
      expect({ title, code, messages: messages.slice(0, receives.length) }).toMatchObject({
        title,
        code: closes,
        messages: receives,
      })
      // Who is cut off may have been told more before.
      const told = closes ? receives.length : messages.length
      expect({ title, told }).toEqual({ title, told: receives.length })
    })
    expect(cases.length).toBeGreaterThan(41)
    const codes = new Set(cases.map(({ closes }) => closes))
    for (const code of [4400, 4401, 4403, 4406, 4408, 4409, 4429]) expect(codes).toContain(code)
    // A client's mistakes are none of ours.
    expect(gateway.failures).toEqual([])
  },
)

test('a subprotocol that is not ours is refused with 4406', async () => {
  await using gateway = await startGateway()
  for (const protocol of ['graphql-ws', 'Graphql-Transport-WS', 'mqtt']) {
    const { hostname, port, host } = new URL(gateway.url)
    const socket = connect(Number(port), hostname)
    socket.write(
      [
        'GET /graphql HTTP/1.1',
        `Host: ${host}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${Buffer.alloc(16, 1).toString('base64')}`,
        `Sec-WebSocket-Protocol: ${protocol}`,
        '\r\n',
      ].join('\r\n'),
    )
    const bytes: Buffer[] = []
    socket.on('data', (chunk) => bytes.push(chunk))
    const frame = () => {
      const all = Buffer.concat(bytes)
      return all.subarray(all.indexOf('\r\n\r\n') + 4)
    }
    // FIN and the opcode of a close; then its length, then its code.
    await vi.waitUntil(() => frame().length >= 4 && frame()[0] === 0x88, { interval: 5 })
    expect({ protocol, code: frame().readUInt16BE(2) }).toEqual({ protocol, code: 4406 })
    socket.destroy()
  }
})

test('a socket that is torn off takes its subscriptions with it, and nothing else', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const steps = [...admitted, ask('1', watched), until('next')]
  const torn = { title: 'torn', sends: steps }
  // More than a tenant may have at a time, one after the other.
  await mapLimit(Array.from({ length: 120 }), 8, async () => {
    using _talk = await converse(gateway.url, tenant.tokens.owner, torn)
  })
  using talk = await converse(gateway.url, tenant.tokens.owner, torn)
  expect(await talk.settles(2)).toHaveLength(2)
})
