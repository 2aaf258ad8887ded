import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { createHmac, KeyObject, randomUUID, sign } from 'node:crypto'
import { expect, onTestFinished, test, vi } from 'vitest'
import { newId } from '../../src/lib/id.ts'
import { createTokenVerifier, remoteKeys } from '../../src/platform/tokens.ts'
import { startServer } from '../platform/test-server.ts'
import { startGateway } from '../support/gateway.ts'

const issuer = 'https://issuer.test'
const audience = 'content-gateway'
const algorithms = ['RS256', 'ES256', 'EdDSA'] as const
type Algorithm = (typeof algorithms)[number]

const tenantId = newId()
const now = () => Math.floor(Date.now() / 1_000)

/** An issuer with one key per algorithm, and the HTTP server that publishes them. */
async function startIssuer() {
  const makeKey = async (algorithm: Algorithm) => {
    const pair = await generateKeyPair(algorithm, { extractable: true })
    const kid = `key-${algorithm}`
    return {
      ...pair,
      jwk: { ...(await exportJWK(pair.publicKey)), kid, alg: algorithm, use: 'sig' },
    }
  }
  const keys = {
    RS256: await makeKey('RS256'),
    ES256: await makeKey('ES256'),
    EdDSA: await makeKey('EdDSA'),
  }
  const published = Object.values(keys).map(({ jwk }) => jwk)
  const state = { published, down: false }
  const server = await startServer((_request, response) => {
    response
      .writeHead(state.down ? 500 : 200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ keys: state.published }))
  })
  const getKeys = remoteKeys(`${server.url}/jwks.json`).find
  const verify = createTokenVerifier({
    issuer,
    audience,
    algorithms: [...algorithms],
    tenantClaim: 'tenant_id',
    keys: getKeys,
  })
  const claims = (): JWTPayload => ({
    iss: issuer,
    aud: audience,
    sub: 'somebody',
    iat: now(),
    exp: now() + 3_600,
    tenant_id: tenantId,
  })
  const signWith = (algorithm: Algorithm, changed: object = {}, header: object = {}) =>
    new SignJWT({ ...claims(), ...changed })
      .setProtectedHeader({ alg: algorithm, kid: `key-${algorithm}`, ...header })
      .sign(keys[algorithm].privateKey)
  return { keys, state, server, verify, claims, signWith, makeKey }
}

type Issuer = Awaited<ReturnType<typeof startIssuer>>

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A token put together by hand. */
function forge(header: object, payload: unknown, signature: Buffer | string): string {
  const mark = typeof signature === 'string' ? signature : signature.toString('base64url')
  return `${encode(header)}.${encode(payload)}.${mark}`
}

function hmac(header: object, payload: unknown, secret: string, hash = 'sha256'): string {
  const signed = `${encode(header)}.${encode(payload)}`
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`
}

/** Signed truly, over any bytes. */
function signBytes({ keys }: Issuer, header: object, payload: string): string {
  const signed = `${encode({ alg: 'RS256', kid: 'key-RS256', ...header })}.${encode(payload)}`
  const key = KeyObject.from(keys.RS256.privateKey)
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
}

function alter(token: string, part: 0 | 1 | 2, change: (text: string) => string): string {
  const parts = token.split('.')
  parts[part] = change(parts[part] ?? '')
  return parts.join('.')
}

/** Every token here claims to be somebody's, and none of them may be believed. */
async function attacks(own: Issuer): Promise<Record<string, string>> {
  const { claims, signWith, keys } = own
  const rs256 = { alg: 'RS256', kid: 'key-RS256' }
  const valid = await signWith('RS256')
  const es256 = await signWith('ES256')
  const spki = await exportSPKI(keys.RS256.publicKey)
  const stranger = await generateKeyPair('RS256', { extractable: true })
  const strangersJwk = { ...(await exportJWK(stranger.publicKey)), alg: 'RS256', kid: 'mine' }
  const byStranger = (header: object) =>
    new SignJWT(claims()).setProtectedHeader({ alg: 'RS256', ...header }).sign(stranger.privateKey)
  await using theirs = await startServer((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: [strangersJwk] }))
  })
  const bend = (header: object) => alter(valid, 0, () => encode(header))
  const made = {
    'no algorithm and no signature': forge({ alg: 'none' }, claims(), ''),
    'no algorithm, otherwise spelled': forge({ alg: 'nOnE', typ: 'JWT' }, claims(), ''),
    'no algorithm, with a signature': bend({ alg: 'none', kid: 'key-RS256' }),
    'HS256 with the public key as its secret': hmac({ ...rs256, alg: 'HS256' }, claims(), spki),
    'HS256 with the public JWK as its secret': hmac(
      { ...rs256, alg: 'HS256' },
      claims(),
      JSON.stringify(keys.RS256.jwk),
    ),
    'HS256 with an empty secret': hmac({ alg: 'HS256' }, claims(), ''),
    'HS512 with a guessed secret': hmac({ alg: 'HS512' }, claims(), 'secret', 'sha512'),
    "a stranger's signature under our key id": await byStranger({ kid: 'key-RS256' }),
    "a stranger's signature without a key id": await byStranger({}),
    'the key in the header': await byStranger({ kid: 'mine', jwk: strangersJwk }),
    'the key at an address in the header': await byStranger({ kid: 'mine', jku: theirs.url }),
    'the certificate at an address in the header': await byStranger({
      kid: 'mine',
      x5u: theirs.url,
    }),
    'the certificate in the header': await byStranger({ kid: 'mine', x5c: ['MIIB'] }),
    'a key id that is a path': hmac({ alg: 'HS256', kid: '../../../../dev/null' }, claims(), ''),
    'a key id that is SQL': await byStranger({ kid: "x' union select 'secret" }),
    'a key id nobody knows': await signWith('RS256', {}, { kid: 'unknown' }),
    'the key id of another algorithm': await signWith('RS256', {}, { kid: 'key-ES256' }),
    'a critical extension nobody knows': signBytes(
      own,
      { crit: ['x'], x: 1 },
      JSON.stringify(claims()),
    ),
    'a payload that is not encoded': signBytes(
      own,
      { crit: ['b64'], b64: false },
      JSON.stringify(claims()),
    ),
    'a token of another kind': await signWith('RS256', {}, { typ: 'logout+jwt' }),
    'an id token of another kind': await signWith('RS256', {}, { typ: 'dpop+jwt' }),
    'another algorithm of the same key': bend({ alg: 'PS256', kid: 'key-RS256' }),
    'another issuer': await signWith('RS256', { iss: 'https://issuer.test.evil' }),
    'two issuers': await signWith('RS256', { iss: [issuer, 'https://evil'] }),
    'no issuer': await signWith('RS256', { iss: undefined }),
    'another audience': await signWith('RS256', { aud: 'content-gateway-admin' }),
    'no audience': await signWith('RS256', { aud: undefined }),
    'no expiry': await signWith('RS256', { exp: undefined }),
    'an expiry that has passed': await signWith('RS256', { exp: now() - 31 }),
    'an expiry that is text': await signWith('RS256', { exp: '9999999999' }),
    'a beginning that has not come': await signWith('RS256', { nbf: now() + 60 }),
    'issued in the future': await signWith('RS256', { iat: now() + 60 }),
    'no subject': await signWith('RS256', { sub: undefined }),
    'an empty subject': await signWith('RS256', { sub: '' }),
    'a subject that is a number': await signWith('RS256', { sub: 1 }),
    'no tenant': await signWith('RS256', { tenant_id: undefined }),
    'several tenants': await signWith('RS256', { tenant_id: [tenantId, newId()] }),
    'a tenant in a list': await signWith('RS256', { tenant_id: [tenantId] }),
    'a tenant that is a number': await signWith('RS256', { tenant_id: 1 }),
    'a tenant that is an object': await signWith('RS256', { tenant_id: { id: tenantId } }),
    'a tenant in capitals': await signWith('RS256', { tenant_id: tenantId.toUpperCase() }),
    'a tenant that is SQL': await signWith('RS256', { tenant_id: `${tenantId}' or true --` }),
    'a signature cut short': valid.slice(0, -10),
    'no signature': alter(valid, 2, () => ''),
    'an ES256 signature of zeros': alter(es256, 2, () => Buffer.alloc(64).toString('base64url')),
    'an ES256 signature of nothing': alter(es256, 2, () => Buffer.alloc(0).toString('base64url')),
    'an EdDSA signature of zeros': alter(await signWith('EdDSA'), 2, () =>
      Buffer.alloc(64).toString('base64url'),
    ),
    'claims changed after signing': alter(valid, 1, () =>
      encode({ ...claims(), tenant_id: newId() }),
    ),
    'a payload that is a list': signBytes(own, {}, JSON.stringify([claims()])),
    'a payload that is not JSON': signBytes(own, {}, 'tenant_id'),
    'nine thousand characters': await signWith('RS256', { padding: 'x'.repeat(9_000) }),
    'two parts': valid.split('.').slice(0, 2).join('.'),
    'four parts': `${valid}.${encode({})}`,
    'five parts, as if it were encrypted': `${valid}.e30.e30`,
    'a line break at its end': `${valid}\n`,
    nothing: '',
  }
  expect(theirs.requests).toBe(0)
  return made
}

test('no token that was tampered with is believed', async () => {
  const own = await startIssuer()
  await using _server = own.server
  const tokens = await attacks(own)
  expect(Object.keys(tokens).length).toBeGreaterThanOrEqual(50)
  const believed: string[] = []
  for (const [attack, token] of Object.entries(tokens)) {
    // Twice: what was refused once must not be remembered as good.
    if ((await own.verify(token)) ?? (await own.verify(token))) believed.push(attack)
  }
  expect(believed).toEqual([])
})

test('every token that is in order is believed', async () => {
  const own = await startIssuer()
  await using _server = own.server
  const { signWith, claims, keys } = own
  const tokens = [
    await signWith('RS256'),
    await signWith('ES256'),
    await signWith('EdDSA'),
    await signWith('RS256', { aud: ['another', audience] }),
    await signWith('RS256', {}, { typ: 'JWT' }),
    await signWith('ES256', {}, { typ: 'at+jwt' }),
    await signWith('RS256', { exp: now() - 10, iat: now() - 100 }),
    await signWith('RS256', { nbf: now() + 10, iat: now() + 10 }),
    await signWith('RS256', { iat: undefined, unknown: { nested: [1] } }),
    await new SignJWT(claims()).setProtectedHeader({ alg: 'EdDSA' }).sign(keys.EdDSA.privateKey),
  ]
  // Twice: what was believed once is remembered.
  for (const token of [...tokens, ...tokens]) {
    expect(await own.verify(token)).toMatchObject({ tenantId, subject: 'somebody' })
  }
  const narrowed = await own.verify(
    await signWith('RS256', { scope: 'CONTENT_READ  VERSION_READ' }),
  )
  expect(narrowed?.scopes).toEqual(['CONTENT_READ', 'VERSION_READ'])
  expect(own.server.requests).toBe(1)
})

test('a thousand unknown key ids make the issuer answer twice a minute at most', async () => {
  const own = await startIssuer()
  await using _server = own.server
  expect(await own.verify(await own.signWith('RS256'))).not.toBeNull()
  const flood = Array.from({ length: 1_000 }, () =>
    forge({ alg: 'RS256', kid: randomUUID() }, own.claims(), 'AAAA'),
  )
  const outcomes = await Promise.all(flood.map((token) => own.verify(token)))
  expect(outcomes.filter((claims) => claims !== null)).toEqual([])
  expect(own.server.requests).toBeLessThanOrEqual(2)
  expect(await own.verify(await own.signWith('ES256'))).not.toBeNull()
})

/** Moves the wall clock and nothing else: timers and connections run on. */
function startClock(): (minutes: number) => void {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  return (minutes) => vi.setSystemTime(Date.now() + minutes * 60_000)
}

const twoDays = () => ({ exp: now() + 48 * 3_600, jti: randomUUID() })

test('known keys are good for a day while the issuer is down, and it is asked rarely', async () => {
  const own = await startIssuer()
  await using _server = own.server
  const advance = startClock()
  const fresh = async () => own.verify(await own.signWith('RS256', twoDays()))
  expect(await fresh()).not.toBeNull()

  own.state.down = true
  expect(await fresh()).not.toBeNull()
  for (let hour = 1; hour <= 23; hour++) {
    advance(60)
    expect(await fresh()).not.toBeNull()
  }
  const before = own.server.requests
  for (let count = 0; count < 100; count++) expect(await fresh()).not.toBeNull()
  expect(own.server.requests - before).toBeLessThanOrEqual(2)

  advance(120)
  // Nobody can tell any more whether it is good: neither accepted nor called bad.
  await expect(fresh()).rejects.toMatchObject({ failure: 'unavailable' })
  own.state.down = false
  advance(1)
  expect(await fresh()).not.toBeNull()
})

test('a new key works half a minute after it was published, the old one as long as it is', async () => {
  const own = await startIssuer()
  await using _server = own.server
  const advance = startClock()
  expect(await own.verify(await own.signWith('ES256', twoDays()))).not.toBeNull()

  const { jwk, privateKey } = await own.makeKey('ES256')
  own.state.published = [...own.state.published, { ...jwk, kid: 'new' }]
  const signNew = () =>
    new SignJWT({ ...own.claims(), ...twoDays() })
      .setProtectedHeader({ alg: 'ES256', kid: 'new' })
      .sign(privateKey)
  advance(0.5)
  expect(await own.verify(await signNew())).not.toBeNull()
  expect(await own.verify(await own.signWith('ES256', twoDays()))).not.toBeNull()

  own.state.published = own.state.published.filter(({ kid }) => kid === 'new')
  advance(11)
  expect(await own.verify(await own.signWith('ES256', twoDays()))).toBeNull()
  expect(await own.verify(await signNew())).not.toBeNull()
})

test('over HTTP whoever brings no good token is nobody', async () => {
  await using gateway = await startGateway()
  const tenant = await gateway.newTenant()
  const valid = tenant.tokens.owner
  const claims = { ...(decode(valid) as object) }
  const headers = [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    valid,
    `Basic ${valid}`,
    `Bearer ${valid} ${valid}`,
    `Bearer ${valid},${valid}`,
    `Bearer "${valid}"`,
    `Bearer ${alter(valid, 2, (text) => text.slice(0, -4))}`,
    `Bearer ${alter(valid, 1, () => encode({ ...claims, tenant_id: newId() }))}`,
    `Bearer ${alter(valid, 0, () => encode({ alg: 'none' }))}`,
    `Bearer ${forge({ alg: 'none' }, claims, '')}`,
    `Bearer ${hmac({ alg: 'HS256' }, claims, 'secret')}`,
    `Bearer ${'x'.repeat(10_000)}`,
  ]
  for (const authorization of headers) {
    const response = await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
      body: '{"query":"{ viewer { user { id } } }"}',
    })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(await response.json()).toMatchObject({
      errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    })
  }
  const inUrl = await fetch(`${gateway.url}?query={viewer{user{id}}}&access_token=${valid}`, {
    headers: { 'x-csrf-prevention': '1' },
  })
  expect(inUrl.status).toBe(401)
  const { status } = await gateway.query(valid, '{ viewer { user { id } } }')
  expect(status).toBe(200)
})

function decode(token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}
