import fc from 'fast-check'
import { isLeafType, isScalarType } from 'graphql'
import { once } from 'node:events'
import { connect } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { maxRequestBytes } from '../../src/app/read-body.ts'
import { toSchema } from '../../src/app/schema.ts'
import { contentOrderFields } from '../../src/features/content/content-order.ts'
import { newId } from '../../src/lib/id.ts'
import { mapLimit } from '../../src/lib/map-limit.ts'
import { createTestContents } from '../support/contents.ts'
import { argumentsOf, furnish, type Ids } from '../support/entries.ts'
import { type Answer, startGateway, type TestGateway } from '../support/gateway.ts'
import { countRows } from '../support/rows.ts'
import {
  type Coordinate,
  fieldsOf,
  isPaged,
  operationFor,
  place,
  type Position,
  positionsOf,
  reachableFieldsOf,
  rootFieldsOf,
  type Values,
} from '../support/schema-walk.ts'

const schema = toSchema()
const kibibyte = 1024
const maxAnswer = 16 * kibibyte

const codesOf = ({ errors = [] }: Answer<unknown>) =>
  errors.map(({ extensions }) => extensions?.['code'])

/** Sends bytes as they are. */
async function post(gateway: TestGateway, token: string, body: string | Uint8Array, headers = {}) {
  const response = await fetch(gateway.url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: body as BodyInit,
  })
  return { status: response.status, text: await response.text() }
}

const bodies = process.env['LONG'] ? 10_000 : 3_000

const sound = [
  { query: '{ viewer { user { displayName } } }' },
  { query: 'query A($n: Int) { contents(first: $n) { nodes { title } } }', variables: { n: 1 } },
  {
    query: 'query B($w: ContentWhere) { contents(where: $w) { nodes { id } } }',
    variables: { w: { title: { eq: 'x' } } },
  },
  {
    query: 'mutation C($i: CreateContentInput!) { createContent(input: $i) { __typename } }',
    variables: { i: { title: 'x', body: { raw: 'y' }, metadata: { a: [1] }, tags: ['t'] } },
    operationName: 'C',
  },
].map((request) => JSON.stringify(request))

function hostileBody(): fc.Arbitrary<string | Uint8Array> {
  const key = fc.oneof(
    fc.constantFrom(
      'query',
      'variables',
      'operationName',
      'extensions',
      'n',
      'w',
      'i',
      '__proto__',
      'constructor',
      'title',
      'and',
      'toString',
    ),
    fc.string({ maxLength: 8 }),
  )
  const anything = fc.anything({ key, maxDepth: 6, withNullPrototype: false })
  const number = fc.constantFrom(
    '1e999',
    '-0',
    '1e-400',
    '9007199254740993',
    '0x1',
    '1e5',
    '00',
    'NaN',
  )
  const damage = fc.oneof(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.nat(30),
      put: fc.string({ unit: 'binary', maxLength: 8 }),
    }),
    fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), cut: fc.nat(2), put: number }),
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.constant(0),
      put: fc.constantFrom(
        '{',
        '[',
        '"',
        '}',
        ']',
        ',',
        ':',
        '\\',
        '\\u0000',
        '\\ud800',
        '"query":"",',
        '"__proto__":{"x":1},',
        '{ ',
        '@skip(if:$n)',
        '...',
        '$',
      ),
    }),
  )
  const damaged = fc
    .tuple(fc.constantFrom(...sound), fc.array(damage, { minLength: 1, maxLength: 4 }))
    .map(([text, all]) =>
      all.reduce((body, { at, cut, put }) => {
        const index = Math.floor(at * body.length)
        return body.slice(0, index) + put + body.slice(index + cut)
      }, text),
    )
  const shaped = fc
    .record(
      {
        query: fc.oneof(
          fc.constantFrom(...sound.map((text) => (JSON.parse(text) as { query: string }).query)),
          anything,
        ),
        variables: fc.oneof(
          fc.record({ n: anything, w: anything, i: anything }, { requiredKeys: [] }),
          anything,
        ),
        operationName: fc.oneof(fc.constantFrom('A', 'B', 'C', null), anything),
        extensions: anything,
      },
      { requiredKeys: [] },
    )
    .map(stringify)
  return fc.oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: anything.map(stringify) },
    { weight: 4, arbitrary: damaged },
    { weight: 4, arbitrary: shaped },
  )
}

function stringify(value: unknown): string {
  return (
    JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `${item}` : item)) ??
    ''
  )
}

test(`${bodies} arbitrary bodies are answered shortly and never with a fault of ours`, async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  await fc.assert(
    fc.asyncProperty(hostileBody(), async (body) => {
      const { status, text } = await post(gateway, tenant.tokens.owner, body)
      expect(status).toBeOneOf([200, 400])
      expect(text.length).toBeLessThanOrEqual(maxAnswer)
      expect(text).not.toContain('INTERNAL_SERVER_ERROR')
      const answer = JSON.parse(text) as object
      expect('data' in answer || 'errors' in answer).toBe(true)
    }),
    { numRuns: bodies },
  )
  const { data } = await gateway.query(tenant, '{ viewer { tenant { name } } }')
  expect(data).toEqual({ viewer: { tenant: { name: 'Test tenant' } } })
}, 120_000)

interface Place {
  coordinate: Coordinate
  position: Position
}

/** Every place where a client can put a value of these scalars. */
function placesOf(names: readonly string[]): Place[] {
  return reachable.flatMap((coordinate) =>
    positionsOf(coordinate.field, ({ name }) => names.includes(name)).map((position) => ({
      coordinate,
      position,
    })),
  )
}

const reachable = reachableFieldsOf(schema)

/** Scalars that a client writes as text. */
const textTypes = Object.values(schema.getTypeMap())
  .filter(isScalarType)
  .map(({ name }) => name)
  .filter((name) => !['Boolean', 'Int', 'Float', 'JSON', 'JSONPatch'].includes(name))

const describe = ({ coordinate, position }: Place) => `${coordinate.name}(${position.join('.')})`

function requestOf({ coordinate, position }: Place, own: Ids, value: unknown): string {
  const variables = place(coordinate.field, argumentsOf(coordinate, own), position, value)
  return JSON.stringify({ query: operationFor(schema, coordinate, 0), variables })
}

const isBadInput = (text: string) => text.includes('"code":"BAD_USER_INPUT"')

test('text that no store can keep is refused in every place, and nothing is stored', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const before = await countRows(gateway.database.admin)
  gateway.zerodb.calls.length = 0
  const unclean = ['\\u0000', 'a\\u0000b', '\\ud800', '\\udc00\\ud800', 'x\\uD83D', '\\uDE00x']
  const bytes = [
    'ff',
    'fe',
    'c328',
    'fffec328',
    'c080',
    'e08080',
    'eda080',
    'f5808080',
    'f0808080',
    'e282',
  ]
  const strings = placesOf(textTypes)
  const marker = 'MARKER'
  expect(strings.length).toBeGreaterThan(100)

  const accepted: string[] = []
  await mapLimit(strings, 8, async (where) => {
    const request = requestOf(where, ids, marker)
    for (const escape of unclean) {
      const body = request.replace(marker, escape)
      const { status, text } = await post(gateway, tenant.tokens.owner, body)
      if (status !== 200 || !isBadInput(text))
        accepted.push(`${describe(where)} ${escape}: ${text}`)
    }
    const [head = '', tail = ''] = request.split(marker)
    for (const hex of bytes) {
      const body = Buffer.concat([Buffer.from(head), Buffer.from(hex, 'hex'), Buffer.from(tail)])
      const { status, text } = await post(gateway, tenant.tokens.owner, body)
      if (status !== 400) accepted.push(`${describe(where)} ${hex}: ${text}`)
    }
  })
  expect(accepted).toEqual([])
  expect(await countRows(gateway.database.admin)).toEqual(before)
  expect(gateway.zerodb.calls).toEqual([])
}, 120_000)

test('text that no store can keep is refused inside of JSON, in documents and in addresses', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const token = tenant.tokens.owner
  const before = await countRows(gateway.database.admin)
  for (const where of placesOf(['JSON', 'JSONPatch'])) {
    for (const json of [
      '"\\u0000"',
      '{"a":{"b":["\\ud800"]}}',
      '{"\\u0000":1}',
      '{"a":{"\\udfff":1}}',
    ]) {
      const body = requestOf(where, ids, 'MARKER').replace('"MARKER"', json)
      expect(await post(gateway, token, body)).toMatchObject({
        status: 200,
        text: expect.stringContaining('BAD_USER_INPUT'),
      })
    }
  }
  const literals = [
    '"\\u0000"',
    '"a\\u{0}b"',
    '"\\u{000}"',
    '"\\uD800"',
    '"\\u{DC00}"',
    '"\0"',
    '"""\0"""',
  ]
  for (const literal of literals) {
    const queries = [
      `{ contents(where: { title: { eq: ${literal} } }) { nodes { id } } }`,
      `mutation { createContent(input: { title: ${literal}, body: { raw: "x" } }) { __typename } }`,
      `mutation { createContent(input: { title: "x", body: { raw: ${literal} } }) { __typename } }`,
      `mutation { createContent(input: { title: "x", body: { raw: "x" }, metadata: { a: [${literal}] } }) { __typename } }`,
    ]
    for (const query of queries) {
      expect(codesOf(await gateway.query(token, query))).toEqual(['BAD_USER_INPUT'])
    }
    const search = new URLSearchParams({ query: queries[0] ?? '' })
    const response = await fetch(`${gateway.url}?${search}`, {
      headers: { authorization: `Bearer ${token}`, 'x-csrf-prevention': '1' },
    })
    expect(await response.text()).toContain('BAD_USER_INPUT')
  }
  const query = 'query ($t: String) { contents(where: { title: { eq: $t } }) { nodes { id } } }'
  for (const variables of ['{"t":"\\u0000"}', '{"t":"\\ud800"}']) {
    const search = new URLSearchParams({ query, variables })
    const response = await fetch(`${gateway.url}?${search}`, {
      headers: { authorization: `Bearer ${token}`, 'x-csrf-prevention': '1' },
    })
    expect(await response.text()).toContain('BAD_USER_INPUT')
  }
  expect(await countRows(gateway.database.admin)).toEqual(before)
})

const shown = `__typename ... on ContentSuccess { content { title tags metadata body { raw } } }
  ... on Error { code message }`
const createDocument = `mutation ($input: CreateContentInput!) { createContent(input: $input) { ${shown} } }`

test('every other text comes back as it was sent', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const text = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 60 })
    .map((value) => `<${value.replaceAll('\0', '')}>`)
  const special = [
    '\u{FFFD}',
    '\u{FEFF}',
    '\u{10FFFF}',
    '\u{202E}',
    'e\u0301',
    '\r\n\t',
    '\\u0000',
    '%00',
    '\u0001\u001f\u007f',
  ]
  const samples = [...special.map((value) => `<${value}>`), ...fc.sample(text, 100)]
  await mapLimit(samples, 8, async (value) => {
    const input = {
      title: value,
      body: { raw: value, format: 'TEXT' },
      tags: [value],
      metadata: { [value]: value },
    }
    const { data } = await gateway.query<Values, Values>(tenant, createDocument, { input })
    expect(data?.['createContent']).toEqual({
      __typename: 'ContentSuccess',
      content: { title: value, tags: [value], metadata: { [value]: value }, body: { raw: value } },
    })
  })
})

/** Talks HTTP by hand; answers what came back until the other side closed the connection. */
async function raw(
  gateway: TestGateway,
  write: (send: (part: string | Buffer) => Promise<boolean>) => Promise<void>,
) {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect({ host: hostname, port: Number(port) })
  const received: Buffer[] = []
  let sent = 0
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve())
  })
  /** False once nobody listens any more. */
  const send = async (part: string | Buffer) => {
    if (socket.destroyed || socket.readableEnded) return false
    sent += part.length
    if (!socket.write(part)) {
      const drained = new Promise<void>((resolve) => {
        socket.once('drain', () => resolve())
      })
      await Promise.race([drained, closed])
    }
    return !socket.destroyed && received.length === 0
  }
  const started = performance.now()
  await write(send)
  await closed
  return { text: Buffer.concat(received).toString(), sent, ms: performance.now() - started }
}

const head = (token: string, ...lines: string[]) =>
  [
    'POST /graphql HTTP/1.1',
    'Host: gateway',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    ...lines,
    '',
    '',
  ].join('\r\n')

test('a body that is too large is refused before it was sent, and the connection is closed', async () => {
  await using gateway = await startGateway()
  const {
    tokens: { owner },
  } = await gateway.newTenant()
  for (const length of [maxRequestBytes + 1, 10 * 1024 ** 2, 2 ** 53]) {
    const refused = await raw(gateway, async (send) => {
      await send(head(owner, `Content-Length: ${length}`))
    })
    expect(refused.text).toMatch(/^HTTP\/1\.1 413 /)
    expect(refused.text).toMatch(/connection: close/i)
    expect(refused.ms).toBeLessThan(1_000)
  }
})

test('an endless body is cut off at the limit, twenty at a time', async () => {
  await using gateway = await startGateway()
  const {
    tokens: { owner },
  } = await gateway.newTenant()
  const part = Buffer.alloc(64 * kibibyte, 'x')
  const chunk = Buffer.concat([
    Buffer.from(`${part.length.toString(16)}\r\n`),
    part,
    Buffer.from('\r\n'),
  ])
  const before = process.memoryUsage().rss
  const all = await Promise.all(
    Array.from({ length: 20 }, () =>
      raw(gateway, async (send) => {
        await send(head(owner, 'Transfer-Encoding: chunked'))
        while (await send(chunk));
      }),
    ),
  )
  for (const { sent, text } of all) {
    expect(text).toMatch(/^HTTP\/1\.1 413 |^$/)
    // What the kernel's buffers took on top of the limit.
    expect(sent).toBeLessThan(maxRequestBytes + 16 * 1024 ** 2)
  }
  expect(all.filter(({ text }) => text !== '').length).toBeGreaterThan(0)
  expect(process.memoryUsage().rss - before).toBeLessThan(512 * 1024 ** 2)
}, 60_000)

test('a length that lies harms nobody but its sender', async () => {
  await using gateway = await startGateway()
  const {
    tokens: { owner },
  } = await gateway.newTenant()
  const body = '{"query":"{ viewer { scopes } }"}'
  const bad = [
    head(owner, 'Content-Length: 10') + body,
    head(owner, 'Content-Length: -1') + body,
    head(owner, 'Content-Length: 1e3') + body,
    head(owner, `Content-Length: ${body.length}`, 'Content-Length: 5') + body,
    head(owner, `Content-Length: ${body.length}`, 'Transfer-Encoding: chunked') + body,
    head(owner, 'Transfer-Encoding: chunked') + 'zz\r\n',
    head(owner, 'Transfer-Encoding: chunked, identity') + body,
  ]
  for (const request of bad) {
    const { text } = await raw(gateway, async (send) => {
      await send(request)
    })
    expect(text).toMatch(/^HTTP\/1\.1 (400|501) /)
    expect(text).not.toContain('"data"')
  }
  const longer = connect({ host: '127.0.0.1', port: Number(new URL(gateway.url).port) })
  longer.end(head(owner, 'Content-Length: 1000') + body)
  await once(longer.resume(), 'close')
  const { status } = await post(gateway, owner, body)
  expect(status).toBe(200)
})

test('the largest body that is allowed is taken', async () => {
  await using gateway = await startGateway()
  const {
    tokens: { owner },
  } = await gateway.newTenant()
  const body = '{"query":"{ viewer { scopes } }"}'
  expect(await post(gateway, owner, body.padEnd(maxRequestBytes))).toMatchObject({ status: 200 })
  const over = await post(gateway, owner, body.padEnd(maxRequestBytes + 1)).catch(() => ({
    status: 413,
  }))
  expect(over).toMatchObject({ status: 413 })
})

test('a compressed body is refused unread', async () => {
  await using gateway = await startGateway()
  const {
    tokens: { owner },
  } = await gateway.newTenant()
  const bomb = Buffer.alloc(20 * 1024 ** 2, ' ')
  const packed: [encoding: string, body: Uint8Array][] = [
    ['gzip', gzipSync(bomb)],
    ['br', brotliCompressSync(bomb)],
    ['deflate', deflateSync(bomb)],
    ['gzip, gzip', gzipSync(gzipSync(bomb))],
    ['x-unknown', Buffer.from('{}')],
  ]
  for (const [encoding, body] of packed) {
    const { status } = await post(gateway, owner, body, { 'content-encoding': encoding })
    expect(status).toBe(415)
  }
})

const paged = fieldsOf(schema).filter(({ field }) => isPaged(field))

test('a page has from 1 to 100 entries, however its size is given', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  expect(paged.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'Query.contents',
      'Brand.contents',
      'CampaignSpace.contents',
      'Content.versions',
    ]),
  )
  const good = [1, 2, 99, 100]
  const bad = [
    -(2 ** 31),
    -1000,
    -1,
    0,
    101,
    1e6,
    2 ** 31 - 1,
    2 ** 31,
    1e30,
    1.5,
    '5',
    true,
    [5],
    { a: 5 },
  ]
  for (const coordinate of paged) {
    for (const size of ['first', 'last']) {
      for (const value of [...good, ...bad]) {
        const operation = operationFor(schema, coordinate, 0)
        const args = argumentsOf(coordinate, ids)
        const literal = JSON.stringify(value).replaceAll('"a"', 'a')
        const answers = [
          await gateway.query<Values, Values>(tenant, operation, { ...args, [size]: value }),
          await gateway.query<Values, Values>(tenant, withLiteral(operation, size, literal), args),
        ]
        for (const { text, errors } of answers) {
          const what = `${coordinate.name}(${size}: ${literal})`
          const isGood = good.includes(value as number)
          expect({ what, refused: isBadInput(text) }).toEqual({ what, refused: !isGood })
          expect({ what, errors: errors?.length ?? 0 }).toEqual({ what, errors: isGood ? 0 : 1 })
        }
      }
    }
  }
})

/** The operation with a value written into it instead of a variable. */
function withLiteral(operation: string, name: string, literal: string): string {
  return operation
    .replace(new RegExp(`\\$${name}: \\w+!?,? ?`), '')
    .replace(`${name}: $${name}`, `${name}: ${literal}`)
}

const secret = 'SECRET'

test('a value of the wrong type is never said back, however large it is', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const before = await countRows(gateway.database.admin)
  const leaves = reachable.flatMap((coordinate) =>
    positionsOf(coordinate.field, isLeafType).map((position) => ({ coordinate, position })),
  )
  const anyJson = new Set(placesOf(['JSON']).map(describe))
  const texts = new Set(placesOf(['String']).map(describe))
  const told: string[] = []
  await mapLimit(leaves, 8, async (where) => {
    const what = describe(where)
    if (anyJson.has(what)) return
    const wrong = [[secret], { key: secret }, { a: { b: secret } }]
    for (const value of texts.has(what) ? wrong : [...wrong, secret]) {
      const body = requestOf(where, ids, value)
      const { text, status } = await post(gateway, tenant.tokens.owner, body)
      if (status !== 200 || !isBadInput(text) || text.includes(secret)) {
        told.push(`${what} ${JSON.stringify(value)}: ${text.slice(0, 300)}`)
      }
    }
  })
  expect(told).toEqual([])

  const large = secret.repeat(160_000)
  const wheres = [
    { coordinate: root('Query.contents'), position: ['first'] },
    { coordinate: root('Query.contents'), position: ['where', 'status', '0'] },
    { coordinate: root('Query.contents'), position: ['where', 'sizeBytes', 'gt'] },
    { coordinate: root('Query.contents'), position: ['where', 'createdAt', 'gt'] },
    { coordinate: root('Query.contents'), position: ['where', 'createdAt', 'isNull'] },
    { coordinate: root('Query.contents'), position: ['where', 'title'] },
    { coordinate: root('Query.contents'), position: ['where', 'brandId'] },
    { coordinate: root('Query.contents'), position: ['after'] },
    { coordinate: root('Query.node'), position: ['id'] },
    { coordinate: root('Mutation.createContent'), position: ['input', 'type'] },
    { coordinate: root('Mutation.createContent'), position: ['input', 'title'] },
    { coordinate: root('Mutation.createContent'), position: ['input', 'metadata'] },
    { coordinate: root('Mutation.createContent'), position: ['input', 'tags', '0'] },
    { coordinate: root('Mutation.createContent'), position: ['input', 'idempotencyKey'] },
  ]
  for (const where of wheres) {
    const { text, status } = await post(gateway, tenant.tokens.owner, requestOf(where, ids, large))
    expect(status).toBe(200)
    expect(text).not.toContain(secret)
    expect(text.length).toBeLessThanOrEqual(maxAnswer)
    // The same written into the document.
    const operation = operationFor(schema, where.coordinate, 0)
    const [name = '', ...deeper] = where.position
    const literal = deeper.reduceRight(
      (inner, key) => (key === '0' ? `[${inner}]` : `{ ${key}: ${inner} }`),
      JSON.stringify(large),
    )
    const query = withLiteral(operation, name, literal)
    const written = await post(
      gateway,
      tenant.tokens.owner,
      JSON.stringify({ query, variables: {} }),
    )
    expect(written.text).not.toContain(secret)
    expect(written.text.length).toBeLessThanOrEqual(maxAnswer)
  }
  expect(await countRows(gateway.database.admin)).toEqual(before)
}, 60_000)

function root(name: string): Coordinate {
  const found = rootFieldsOf(schema).find((coordinate) => coordinate.name === name)
  if (!found) throw new Error(`no ${name}`)
  return found
}

test('ten thousand mistakes are answered with twenty', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const many = Array.from({ length: 10_000 }, (_, index) => index)
  const create = root('Mutation.createContent')
  const requests = [
    requestOf({ coordinate: create, position: ['input', 'tags'] }, ids, many),
    requestOf(
      { coordinate: create, position: ['input', 'tags'] },
      ids,
      many.map(() => ''),
    ),
    requestOf(
      { coordinate: create, position: ['input', 'tags'] },
      ids,
      many.slice(0, 50).map(() => 'x'.repeat(101)),
    ),
    requestOf({ coordinate: create, position: ['input', 'platforms'] }, ids, many),
    requestOf(
      { coordinate: create, position: ['input', 'body'] },
      ids,
      Object.fromEntries(many.map((n) => [`k${n}`, n])),
    ),
    requestOf(
      { coordinate: root('Mutation.createContents'), position: ['inputs'] },
      ids,
      many.slice(0, 900).map(() => ({})),
    ),
    JSON.stringify({ query: `{ ${'x '.repeat(900)} }` }),
    JSON.stringify({
      query: `{ contents(${many
        .slice(0, 400)
        .map((n) => `a${n}: 1`)
        .join(' ')}) { nodes { id } } }`,
    }),
    JSON.stringify({ query: '{ viewer { scopes } }', operationName: secret.repeat(100_000) }),
    JSON.stringify({ query: `{ ${secret.repeat(100_000)} }` }),
    JSON.stringify({ query: '{ viewer { scopes } }', variables: secret.repeat(100_000) }),
    JSON.stringify({ query: '{ viewer { scopes } }', extensions: secret.repeat(100_000) }),
  ]
  for (const request of requests) {
    const { text, status } = await post(gateway, tenant.tokens.owner, request)
    expect(status).toBeLessThan(500)
    expect(text.length).toBeLessThanOrEqual(maxAnswer)
    const { errors = [], data } = JSON.parse(text) as {
      errors?: unknown[]
      data?: { createContent?: { issues?: unknown[] } }
    }
    expect(errors.length).toBeLessThanOrEqual(20)
    expect(data?.createContent?.issues?.length ?? 0).toBeLessThanOrEqual(20)
  }
  const issues = await gateway.query<{ createContent: { issues: unknown[] } }, Values>(
    tenant,
    `mutation ($input: CreateContentInput!) { createContent(input: $input) { ... on ValidationError { message issues { path code message } } } }`,
    {
      input: {
        title: 'x',
        body: { raw: 'x' },
        tags: many.slice(0, 900).map(() => ''),
        mentions: many.slice(0, 900).map(() => ''),
      },
    },
  )
  expect(issues.data?.createContent.issues.length).toBeLessThanOrEqual(20)
  expect(issues.text.length).toBeLessThanOrEqual(maxAnswer)
})

const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A place in each order, in the form its cursors have. */
const honest: Record<(typeof contentOrderFields)[number], string> = {
  CREATED_AT: '2026-11-20T10:00:00.000Z',
  UPDATED_AT: '2026-11-20T10:00:00.000Z',
  PUBLISHED_AT: '-infinity',
  SCHEDULED_AT: '-infinity',
  TITLE: 'x',
  SIZE: '1',
}

test('a cursor that this list did not make is refused', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const id = newId()
  const junk = [
    '',
    ' ',
    'null',
    'e30',
    'W10',
    '\u{1F600}',
    "' or 1=1 --",
    'A'.repeat(1_000_000),
    Buffer.from([0xff, 0xfe, 0, 1]).toString('base64url'),
    cursorOf(null),
    cursorOf({}),
    cursorOf([]),
    cursorOf(['CREATED_AT:desc']),
    cursorOf({ 0: 'CREATED_AT:desc', length: 3 }),
    cursorOf(['TITLE:asc', 'x', id]),
    cursorOf(['CREATED_AT:asc', honest.CREATED_AT, id]),
    cursorOf(['CREATED_AT:desc', honest.CREATED_AT, id, id]),
    cursorOf(['CREATED_AT:desc', [honest.CREATED_AT], id]),
    cursorOf(['CREATED_AT:desc', 1, id]),
    cursorOf(['CREATED_AT:desc', null, id]),
    cursorOf(['CREATED_AT:desc', '', id]),
    cursorOf(['CREATED_AT:desc', honest.CREATED_AT, 'x']),
    cursorOf(['CREATED_AT:desc', honest.CREATED_AT, id.toUpperCase()]),
    cursorOf(['CREATED_AT:desc', honest.CREATED_AT, `${id}'`]),
    cursorOf(['version', 'x']),
    cursorOf(['version', '-1']),
    cursorOf(['version', '1e5']),
    cursorOf(['version', '99999999999999999999']),
    cursorOf(['version', 1]),
    cursorOf(['version', null]),
    cursorOf('version'),
  ]
  for (const coordinate of paged) {
    for (const name of ['after', 'before']) {
      for (const cursor of junk) {
        const args = { ...argumentsOf(coordinate, ids), [name]: cursor }
        const answer = await gateway.query(tenant, operationFor(schema, coordinate, 0), args)
        const what = `${coordinate.name}(${name}: ${cursor.slice(0, 60)})`
        expect({ what, codes: codesOf(answer) }).toEqual({ what, codes: ['BAD_USER_INPUT'] })
        expect(answer.text.length).toBeLessThan(1_000)
      }
    }
  }
})

test('a cursor with edited values is refused or leads to a place in one’s own list', async () => {
  await using gateway = await startGateway()
  const { tenant } = await furnish(gateway, 'OWN')
  await furnish(gateway, 'CANARY')
  const dates = [
    '2026-13-45T00:00:00.000Z',
    '0000-01-01T00:00:00.000Z',
    '-000001-01-01T00:00:00.000Z',
    '+275760-09-13T00:00:00.000Z',
    '9999-12-31T23:59:59.999Z',
    'infinity',
    '-infinity',
    'now',
    'epoch',
    'today',
    '1',
    'Tue Mar 01 2022 00:00:00 GMT+0100 (CET)',
    '2026-11-20',
    '2026-11-20T10:00:00Z (comment)',
  ]
  const values = [
    ...dates,
    '\u0000',
    'a\u0000b',
    '\u{1F600}',
    'x'.repeat(2_000),
    '9'.repeat(30),
    '-1',
    '1.5',
    '',
    "'",
    '{}',
    '9223372036854775807',
    '999999999999999',
  ]
  const query = `query ($order: [ContentOrder!], $after: String, $before: String) {
    contents(orderBy: $order, after: $after, before: $before) { nodes { title } } }`
  for (const field of contentOrderFields) {
    for (const direction of ['ASC', 'DESC']) {
      for (const value of [honest[field], ...values]) {
        const cursor = cursorOf([`${field}:${direction.toLowerCase()}`, value, newId()])
        for (const name of ['after', 'before']) {
          const answer = await gateway.query<Values, Values>(tenant, query, {
            order: [{ field, direction }],
            [name]: cursor,
          })
          const what = `${field} ${direction} ${name} ${JSON.stringify(value.slice(0, 50))}`
          const codes = codesOf(answer)
          expect({ what, codes }).toEqual({ what, codes: codes.map(() => 'BAD_USER_INPUT') })
          expect({ what, foreign: answer.text.includes('CANARY') }).toEqual({
            what,
            foreign: false,
          })
        }
      }
    }
  }
})

test('a cursor of another tenant is a place in one’s own list', async () => {
  await using gateway = await startGateway()
  const own = await furnish(gateway, 'OWN')
  const other = await furnish(gateway, 'CANARY')
  await createTestContents(gateway, own.tenant, 1, () => ({ title: 'OWN last' }))
  for (const field of contentOrderFields) {
    const query = `query ($after: String) {
      contents(first: 10, after: $after, orderBy: [{ field: ${field}, direction: ASC }]) {
        edges { cursor node { title } } } }`
    const theirs = await gateway.query<{ contents: { edges: { cursor: string }[] } }, Values>(
      other.tenant,
      query,
    )
    for (const { cursor } of theirs.data?.contents.edges ?? []) {
      const { text, errors } = await gateway.query(own.tenant, query, { after: cursor })
      expect(errors).toBeUndefined()
      expect(text).not.toContain('CANARY')
    }
  }
})

const deep = (depth: number, leaf: unknown, wrap: (inner: unknown) => unknown): unknown => {
  let value = leaf
  for (let level = 0; level < depth; level++) value = wrap(value)
  return value
}
/** Too deep for JSON.stringify. */
const deepText = (depth: number, open: string, leaf: string, close: string) =>
  open.repeat(depth) + leaf + close.repeat(depth)

test('filters that are too deep, too long or too many are refused', async () => {
  await using gateway = await startGateway()
  const { tenant } = await furnish(gateway, 'OWN')
  const query = 'query ($where: ContentWhere) { contents(where: $where) { nodes { id } } }'
  const leaf = { title: { eq: 'x' } }
  const ask = async (where: string, document = query) => {
    const body = `{"query":${JSON.stringify(document)},"variables":{"where":${where}}}`
    const started = performance.now()
    const { status, text } = await post(gateway, tenant.tokens.owner, body)
    return { status, refused: isBadInput(text), quick: performance.now() - started < 2_000 }
  }
  const times = (count: number, item: unknown) => Array.from({ length: count }, () => item)
  const good = [
    deep(4, leaf, (not) => ({ not })),
    deep(4, leaf, (inner) => ({ and: [inner] })),
    { or: times(100, leaf) },
    { tags: { hasAny: times(100, 'x') } },
    { title: { contains: `%_\\'"${'('.repeat(100)}` } },
    {},
    { and: [] },
    { or: [] },
    { and: null, or: null, not: null, id: null, title: null },
  ]
  for (const where of good) {
    expect(await ask(JSON.stringify(where))).toEqual({ status: 200, refused: false, quick: true })
  }
  const bad = [
    JSON.stringify(deep(5, leaf, (not) => ({ not }))),
    JSON.stringify(deep(30, leaf, (inner) => ({ or: [inner] }))),
    deepText(10_000, '{"not":', '{}', '}'),
    deepText(100_000, '{"and":[', '{}', ']}'),
    deepText(300_000, '[', '', ']'),
    JSON.stringify({ or: times(101, leaf) }),
    JSON.stringify({ tags: { hasAny: times(101, 'x') } }),
    JSON.stringify({ title: { in: times(50_000, 'x') } }),
    JSON.stringify({ id: times(100_000, 'x') }),
    // Each list short enough, all together too many.
    JSON.stringify({ and: times(100, { or: times(100, { title: { eq: 'x' } }) }) }),
    JSON.stringify({ and: times(30, { or: times(30, { and: times(60, { not: {} }) }) }) }),
  ]
  for (const where of bad) {
    expect({ where: where.slice(0, 40), ...(await ask(where)) }).toEqual({
      where: where.slice(0, 40),
      status: 200,
      refused: true,
      quick: true,
    })
  }
  const written = (where: string) => `{ contents(where: ${where}) { nodes { id } } }`
  for (const where of [
    deepText(300, '{ not: ', '{}', '}'),
    deepText(600, '{ not: ', '{}', '}'),
    deepText(900, '[', '', ']'),
    deepText(50_000, '[', '', ']'),
    `{ title: { in: [${'"x" '.repeat(900)}] } }`,
  ]) {
    expect(await ask('null', written(where))).toEqual({ status: 200, refused: true, quick: true })
  }
  const { status } = await post(gateway, tenant.tokens.owner, '{"query":"{ viewer { scopes } }"}')
  expect(status).toBe(200)
}, 60_000)

test('inputs that break a rule are refused by type, and nothing is stored', async () => {
  await using gateway = await startGateway()
  const { tenant } = await furnish(gateway, 'OWN')
  const before = await countRows(gateway.database.admin)
  gateway.zerodb.calls.length = 0
  const x = (length: number) => 'x'.repeat(length)
  const bad: Values[] = [
    { title: '' },
    { title: ' \t\n ' },
    { title: x(501) },
    { tags: Array.from({ length: 51 }, (_, index) => `t${index}`) },
    { tags: [''] },
    { tags: [' '] },
    { hashtags: [x(101)] },
    { mentions: [x(100_000)] },
    { platforms: Array.from({ length: 21 }, () => 'WEB') },
    { metadata: [] },
    { metadata: 'text' },
    { metadata: 1 },
    { metadata: true },
    { metadata: { a: x(65_536) } },
    { externalRef: { system: '', id: 'x' } },
    { externalRef: { system: x(101), id: 'x' } },
    { externalRef: { system: 'x', id: x(501) } },
    { idempotencyKey: '' },
    { idempotencyKey: x(201) },
    { scheduledAt: '2020-01-01T00:00:00Z' },
    { status: 'SCHEDULED' },
    { body: { format: 'JSON', raw: '{' } },
    { body: { format: 'TEXT', raw: x(2_000_001) } },
  ]
  for (const fields of bad) {
    const input = { title: 'x', body: { raw: 'x', format: 'TEXT' }, ...fields }
    const { data, text } = await gateway.query<Values, Values>(tenant, createDocument, { input })
    const what = JSON.stringify(fields).slice(0, 60)
    expect({ what, data }).toMatchObject({
      what,
      data: { createContent: { __typename: 'ValidationError', code: 'VALIDATION' } },
    })
    expect(text.length).toBeLessThan(maxAnswer)
  }
  const malformed: Values[] = [
    { tenantId: newId() },
    { id: newId() },
    { version: 7 },
    { deletedAt: null },
    { __proto__: null, userId: newId() },
    { scheduledAt: '2099-01-01' },
    { scheduledAt: '2099-01-01T00:00:00' },
    { scheduledAt: '2099-02-30T00:00:00Z' },
    { scheduledAt: '2099-13-01T00:00:00Z' },
    { scheduledAt: '0000-01-01T00:00:00Z' },
    { scheduledAt: '9999-12-31T23:59:59-23:59' },
    { scheduledAt: 4_000_000_000_000 },
    { status: 'DELETED' },
    { type: 'post' },
    { body: null },
    { body: 'x' },
    { metadata: deep(1_000, {}, (a) => ({ a })) },
    { metadata: { list: Array.from({ length: 20_000 }, () => 1) } },
  ]
  for (const fields of malformed) {
    const input = { title: 'x', body: { raw: 'x', format: 'TEXT' }, ...fields }
    const answer = await gateway.query(tenant, createDocument, { input })
    const what = JSON.stringify(fields).slice(0, 60)
    expect({ what, codes: codesOf(answer) }).toEqual({ what, codes: ['BAD_USER_INPUT'] })
  }
  const many = Array.from({ length: 101 }, () => ({ title: 'x', body: { raw: 'x' } }))
  const batch = await gateway.query(
    tenant,
    'mutation ($inputs: [CreateContentInput!]!) { createContents(inputs: $inputs) { __typename } }',
    { inputs: many },
  )
  expect(codesOf(batch)).toEqual(['BAD_USER_INPUT'])
  expect(await countRows(gateway.database.admin)).toEqual(before)
  expect(gateway.zerodb.calls).toEqual([])
})

test('numbers at the ends of their range are refused or mean what they say', async () => {
  await using gateway = await startGateway()
  const { tenant, ids } = await furnish(gateway, 'OWN')
  const ask = async (fields: string) =>
    gateway.query(tenant, `{ content(ref: { id: "${ids.Content}" }) { ${fields} } }`)
  for (const number of [-(2 ** 31), -1, 0, 2, 2 ** 31 - 1]) {
    const { data, errors } = await ask(`versionByNumber(number: ${number}) { id }`)
    expect({ number, data, errors }).toEqual({
      number,
      data: { content: { versionByNumber: null } },
      errors: undefined,
    })
    const cut = await ask(`preview(maxLength: ${number}) body { text(maxLength: ${number}) }`)
    expect(cut.errors).toBeUndefined()
    const count = await gateway.query(
      tenant,
      `{ contents { totalCount(cap: ${number}) { value } } }`,
    )
    expect(codesOf(count)).toEqual(number === 2 ? [] : ['BAD_USER_INPUT'])
  }
  for (const number of [2 ** 31, 1e10, 0.5]) {
    expect(codesOf(await ask(`versionByNumber(number: ${number}) { id }`))).toEqual([
      'BAD_USER_INPUT',
    ])
  }
})

test('a JSON body that no answer could hold is refused', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const create = (raw: string) =>
    gateway.query(tenant, createDocument, { input: { title: 'x', body: { format: 'JSON', raw } } })
  for (const depth of [501, 10_000, 900_000]) {
    expect((await create(deepText(depth, '[', '', ']'))).text).toContain('ValidationError')
  }
  expect((await create(deepText(500, '[', '', ']'))).text).toContain('ContentSuccess')
  const { status, errors } = await gateway.query(tenant, '{ contents { nodes { body { json } } } }')
  expect({ status, errors }).toEqual({ status: 200, errors: undefined })
})

test('dates at the ends of time are refused or found nothing at', async () => {
  await using gateway = await startGateway()
  const { tenant } = await furnish(gateway, 'OWN')
  const dates = [
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00Z',
    '0001-01-01T00:00:00+23:59',
    '9999-12-31T23:59:59Z',
    '9999-12-31T23:59:59-23:59',
    '2026-02-30T00:00:00Z',
    '2026-11-20T24:00:00Z',
    '2026-11-20T23:59:60Z',
    '2026-11-20T10:00:00+99:99',
    '2026-11-20T10:00:00.123456789Z',
  ]
  for (const date of dates) {
    for (const name of ['createdAt', 'publishedAt', 'scheduledAt', 'updatedAt']) {
      const answer = await gateway.query(
        tenant,
        'query ($where: ContentWhere) { contents(where: $where) { nodes { id } } }',
        { where: { [name]: { eq: date } } },
      )
      const codes = codesOf(answer)
      expect({ date, codes }).toEqual({ date, codes: codes.map(() => 'BAD_USER_INPUT') })
    }
  }
})

test('keys that mean something to JavaScript are keys like any other', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const body = (metadata: string) =>
    `{"query":${JSON.stringify(createDocument)},"variables":{"__proto__":{"polluted":1},"input":
      {"title":"x","body":{"raw":"x"},"metadata":${metadata}}},"__proto__":{"polluted":1}}`
  for (const metadata of [
    '{"__proto__":{"polluted":1}}',
    '{"nested":[{"__proto__":{"polluted":1}}]}',
    '{"\\u005f_proto__":{"polluted":1}}',
  ]) {
    const { text } = await post(gateway, tenant.tokens.owner, body(metadata))
    expect(text).toContain('"__typename":"ValidationError"')
  }
  const literal = await gateway.query(
    tenant,
    `mutation { createContent(input: { title: "x", body: { raw: "x" }, metadata: { a: { __proto__: { polluted: 1 } } } }) { __typename } }`,
  )
  expect(literal.text).toContain('"__typename":"ValidationError"')
  const harmless =
    '{"constructor":{"prototype":1},"toString":"x","hasOwnProperty":null,"valueOf":1}'
  const quoted = String.raw`{"text":"\"__proto__\":","a\"__proto__\"":1}`
  expect((await post(gateway, tenant.tokens.owner, body(quoted))).text).toContain('ContentSuccess')
  const kept = await post(gateway, tenant.tokens.owner, body(harmless))
  expect(kept.text).toContain('ContentSuccess')
  const { data } = await gateway.query<{ contents: { nodes: { metadata: object }[] } }, Values>(
    tenant,
    '{ contents(first: 1) { nodes { metadata(keys: ["__proto__", "constructor", "toString", "valueOf", "isPrototypeOf", "hasOwnProperty"]) } } }',
  )
  expect(JSON.stringify(data?.contents.nodes[0]?.metadata)).toBe(
    '{"__proto__":null,"constructor":{"prototype":1},"toString":"x","valueOf":1,"isPrototypeOf":null,"hasOwnProperty":null}',
  )
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})
