import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  jwtVerify,
  type JWTVerifyGetKey,
} from 'jose'
import { LRUCache } from 'lru-cache'
import { UpstreamError } from '../lib/errors.ts'
import { isUuid } from '../lib/id.ts'
import { within } from '../lib/within.ts'

/** What a valid token says about its bearer. */
export interface TokenClaims {
  tenantId: string
  subject: string
  /** Present when the token was made for less than its bearer may do. */
  scopes: readonly string[] | undefined
  /** Seconds since 1970. */
  expiresAt: number
}

export interface TokenVerifierOptions {
  issuer: string
  audience: string
  algorithms: string[]
  /** The claim that names the tenant. */
  tenantClaim: string
  keys: JWTVerifyGetKey
}

/** Longer tokens are refused unread; a usual one has less than 2,000 characters. */
const maxTokenLength = 8_192
const clockToleranceSeconds = 30

/** Three parts in base64url and nothing around them: a token has one spelling. */
const compact = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** Kinds of token that speak for their bearer; a logout token, say, does not (RFC 8725 §3.11). */
const kinds = [undefined, 'jwt', 'at+jwt', 'application/at+jwt']

/**
 * Verifies JSON Web Tokens (RFC 7519, best practices of RFC 8725): signature, issuer, audience,
 * expiry, and a UUID in the tenant claim. Null for a token that proves nothing; UpstreamError while
 * the issuer's keys cannot be had, for then nobody knows. A verified token is remembered until it
 * expires: signatures are dear.
 */
export function createTokenVerifier(options: TokenVerifierOptions) {
  const { issuer, audience, algorithms, tenantClaim, keys } = options
  const verified = new LRUCache<string, TokenClaims>({ max: 10_000 })

  return async (token: string): Promise<TokenClaims | null> => {
    if (token.length > maxTokenLength || !compact.test(token)) return null
    const known = verified.get(token)
    if (known) return isExpired(known) ? null : known
    const claims = await jwtVerify(token, keys, {
      issuer,
      audience,
      algorithms,
      clockTolerance: clockToleranceSeconds,
      requiredClaims: ['exp', 'sub', tenantClaim],
    }).then(
      ({ payload, protectedHeader: { typ } }) =>
        kinds.includes(typ?.toLowerCase()) ? readClaims(payload, payload[tenantClaim]) : null,
      (error: unknown) => {
        if (error instanceof UpstreamError) throw error
        return null
      },
    )
    if (claims) verified.set(token, claims)
    return claims
  }
}

/** As lenient as when the token was seen first. */
function isExpired({ expiresAt }: TokenClaims): boolean {
  return (expiresAt + clockToleranceSeconds) * 1_000 <= Date.now()
}

function readClaims(
  payload: { sub?: string; exp?: number; iat?: number; scope?: unknown },
  tenantId: unknown,
): TokenClaims | null {
  const { sub, exp, iat = 0, scope } = payload
  if (typeof tenantId !== 'string' || !isUuid(tenantId)) return null
  if (typeof sub !== 'string' || sub === '' || exp === undefined) return null
  if (iat > Date.now() / 1_000 + clockToleranceSeconds) return null
  const scopes = typeof scope === 'string' ? scope.split(' ').filter(Boolean) : undefined
  return { tenantId, subject: sub, scopes, expiresAt: exp }
}

const keepOnErrorMs = 24 * 3_600_000
/** An issuer that does not answer is left alone for so long. */
const pauseOnErrorMs = 30_000
/** … and while no key is known, so long: nobody gets in before it answers. */
const askEveryMs = 2_000

/** `degraded`: it does not answer, and keys that it named before are still good. `mock`: there is none. */
export type IdentityProviderState = 'healthy' | 'degraded' | 'down' | 'mock'

export interface IdentityProvider {
  /** As it was when it was last asked; it is asked now if nothing is known. Never throws. */
  look(): Promise<IdentityProviderState>
}

export interface RemoteKeys extends IdentityProvider {
  find: JWTVerifyGetKey
}

/** The issuer's keys, fetched when needed and kept for 24 hours when it does not answer. */
export function remoteKeys(url: string): RemoteKeys {
  const remote = createRemoteJWKSet(new URL(url), { timeoutDuration: 5_000 })
  let last: { keys: JSONWebKeySet; at: number } | undefined
  let failedAt = -Infinity
  let asking: Promise<void> | undefined
  let askedAt = -Infinity
  const kept = () => (last && Date.now() - last.at <= keepOnErrorMs ? last.keys : undefined)
  const note = () => {
    const keys = remote.jwks()
    if (keys) last = { keys, at: Date.now() }
    failedAt = -Infinity
  }
  const ask = () => {
    askedAt = performance.now()
    return remote.reload().then(note, () => void (failedAt = Date.now()))
  }
  return {
    async find(header, token) {
      const keys = kept()
      if (keys && Date.now() - failedAt < pauseOnErrorMs) {
        return createLocalJWKSet(keys)(header, token)
      }
      try {
        const key = await remote(header, token)
        note()
        return key
      } catch (error) {
        // The issuer did answer: a key that it does not name was never its own or was withdrawn.
        if (isNoMatch(error)) throw error
        failedAt = Date.now()
        if (!keys) throw unavailable(error)
        return createLocalJWKSet(keys)(header, token)
      }
    },
    async look() {
      if (!kept() && performance.now() - askedAt > askEveryMs) asking = ask()
      await within(lookMs, asking ?? Promise.resolve())
      if (!kept()) return 'down'
      return failedAt > -Infinity ? 'degraded' : 'healthy'
    },
  }
}

const lookMs = 800

function unavailable(cause: unknown): UpstreamError {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new UpstreamError('identity provider', 'unavailable', message, { cause })
}

function isNoMatch(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys
  )
}
