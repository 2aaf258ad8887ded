import { LRUCache } from 'lru-cache'
import { findViewer } from '../features/tenancy/find-viewer.ts'
import type { Viewer } from '../lib/viewer.ts'
import type { Plan } from '../platform/plan.ts'
import type { Services } from '../platform/services.ts'
import type { TokenClaims } from '../platform/tokens.ts'

/** A change of role or membership, or a disabled user, takes effect within this time. */
const viewerTtlMs = 5_000

/** Who came with a token, and how long it is good for. */
export interface Authenticated {
  viewer: Viewer
  /** Seconds since 1970. */
  expiresAt: number
}

interface AuthenticateOptions {
  plan?: Plan
  /** How old what is known of the viewer may be; five seconds at most. */
  maxAgeMs?: number
}

export type Authenticate = (
  authorization: string | undefined,
  options?: AuthenticateOptions,
) => Promise<Authenticated | null>

/** Turns an Authorization header into a viewer; null for whoever cannot be told apart from nobody. */
export function createAuthenticate(
  services: Pick<Services, 'database' | 'verifyToken'>,
): Authenticate {
  const viewers = new LRUCache<string, Promise<Viewer | null>>({ max: 10_000, ttl: viewerTtlMs })

  const lookUp = (claims: TokenClaims, plan: Plan | undefined) => {
    const { tenantId, subject, scopes } = claims
    const reads = services.database.reads.forTenant(tenantId, plan)
    return findViewer(reads, subject, scopes)
  }

  return async (authorization, { plan, maxAgeMs = viewerTtlMs } = {}) => {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
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
