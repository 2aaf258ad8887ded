import { SignJWT, generateKeyPair, exportJWK } from 'jose'
import { expect, test } from 'vitest'
import { startServer as startHttpServer } from '../platform/test-server.ts'
import { startGateway } from '../support/gateway.ts'
import { startServer } from '../support/servers.ts'

const clock = new URL('../support/jumping-clock.ts', import.meta.url)
const algorithm = 'EdDSA'
const minute = 60

/** An issuer whose clock is right. */
async function startIssuer() {
  const { publicKey, privateKey } = await generateKeyPair(algorithm)
  const key = { ...(await exportJWK(publicKey)), alg: algorithm, kid: 'right', use: 'sig' }
  const server = await startHttpServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ keys: [key] }))
  })
  return {
    env: { AUTH_ISSUER: 'right', AUTH_JWKS_URL: `${server.url}/jwks.json` },
    /** Seconds from now. */
    sign: (tenantId: string, issuedIn: number, expiresIn: number) => {
      const now = Math.floor(Date.now() / 1_000)
      return new SignJWT({ tenant_id: tenantId })
        .setProtectedHeader({ alg: algorithm, kid: 'right' })
        .setIssuer('right')
        .setAudience('content-gateway')
        .setSubject('owner@test')
        .setIssuedAt(now + issuedIn)
        .setExpirationTime(now + expiresIn)
        .sign(privateKey)
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** By when a token was issued and expires, in seconds from now: whether it is believed. */
type Case = [issuedIn: number, expiresIn: number, status: 200 | 401]

const ahead: Case[] = [
  [-minute, 4 * minute, 401],
  [-minute, 5 * minute - 35, 401],
  [-minute, 5 * minute - 5, 200],
  [-minute, 10 * minute, 200],
]
const behind: Case[] = [
  [0, 10 * minute, 401],
  [-5 * minute + 60, 10 * minute, 401],
  [-5 * minute + 20, 10 * minute, 200],
  [-10 * minute, 10 * minute, 200],
  // It has expired for everybody else.
  [-20 * minute, -minute, 200],
  [-20 * minute, -6 * minute, 401],
]

test.each([
  ['ahead', 5 * minute, ahead],
  ['behind', -5 * minute, behind],
] as const)(
  'a server whose clock is five minutes %s forgives half a minute by its own clock, each time alike',
  async (_where, seconds, cases) => {
    await using gateway = await startGateway()
    await using issuer = await startIssuer()
    const tenant = await gateway.newTenant()
    await using server = await startServer(gateway, {
      ...issuer.env,
      NODE_OPTIONS: `--import=${clock.href}`,
      CLOCK_AHEAD_MS: String(seconds * 1_000),
    })
    for (const [issuedIn, expiresIn, status] of cases) {
      const token = await issuer.sign(tenant.id, issuedIn, expiresIn)
      const ask = async () => (await server.query(token, '{ viewer { scopes } }')).status
      const statuses = [await ask(), await ask(), await ask()]
      expect({ issuedIn, expiresIn, statuses }).toEqual({
        issuedIn,
        expiresIn,
        statuses: [status, status, status],
      })
    }
  },
  60_000,
)
