import { LRUCache } from 'lru-cache'
import { keyMark } from '../features/partners/key-text.ts'
import { createRecognizeKey } from '../features/partners/recognize-key.ts'
import { findViewer } from '../features/tenancy/find-viewer.ts'
import type { Viewer } from '../lib/viewer.ts'
import type { Plan } from '../platform/plan.ts'
import type { Services } from '../platform/services.ts'
import type { TokenClaims } from '../platform/tokens.ts'

/** A change of role or membership, or a disabled user, takes effect within this time. */
const viewerTtlMs = 5_000

/** What somebody says of themselves, and where they say it from. */
export interface Credentials {
  /** The header of that name, or what a socket has in its place. */
  authorization: string | undefined
  ip: string | null
}

/** Who came with a token or a key, and how long it is good for. */
export interface Authenticated {
  viewer: Viewer
  /** Seconds since 1970; Infinity for a key that never expires. */
  expiresAt: number
}

interface AuthenticateOptions {
  plan?: Plan
  /** How old what is known of the viewer may be; five seconds at most. */
  maxAgeMs?: number
}

export type Authenticate = (
  credentials: Credentials,
  options?: AuthenticateOptions,
) => Promise<Authenticated | null>

/** Turns a token or an API key into a viewer; null for whoever cannot be told apart from nobody. */
export function createAuthenticate(
  services: Pick<Services, 'database' | 'verifyToken' | 'hashSecret'>,
): Authenticate {
  const recognizeKey = createRecognizeKey(services)
  const viewers = new LRUCache<string, Promise<Viewer | null>>({ max: 10_000, ttl: viewerTtlMs })

  const lookUp = (claims: TokenClaims, plan: Plan | undefined) => {
    const { tenantId, subject, scopes } = claims
    const reads = services.database.reads.forTenant(tenantId, plan)
    return findViewer(reads, subject, scopes)
  }

  return async ({ authorization, ip }, { plan, maxAgeMs = viewerTtlMs } = {}) => {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (token?.startsWith(keyMark)) return recognizeKey(token, { ip, plan, maxAgeMs })
    const claims = token === undefined ? null : await services.verifyToken(token)
    if (!claims) return null
    const key = JSON.stringify([claims.tenantId, claims.subject, claims.scopes])
    const isFresh = viewers.getRemainingTTL(key) > viewerTtlMs - maxAgeMs
    let found = isFresh ? viewers.get(key) : undefined
    if (!found) {
      found = lookUp(claims, plan)
      viewers.set(key, found)
      // A failed look-up must not be remembered as "nobody".
      found.catch(() => viewers.delete(key))
    }
    const viewer = await found
    return viewer && { viewer, expiresAt: claims.expiresAt }
  }
}
