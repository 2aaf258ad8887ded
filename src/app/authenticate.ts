import { LRUCache } from 'lru-cache'
import { findViewer } from '../features/tenancy/find-viewer.ts'
import type { Viewer } from '../lib/viewer.ts'
import type { Plan } from '../platform/plan.ts'
import type { Services } from '../platform/services.ts'
import type { TokenClaims } from '../platform/tokens.ts'

/** A change of role or membership, or a disabled user, takes effect within this time. */
const viewerTtlMs = 5_000

export type Authenticate = (
  authorization: string | undefined,
  plan?: Plan,
) => Promise<Viewer | null>

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

  return async (authorization, plan) => {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    const claims = token === undefined ? null : await services.verifyToken(token)
    if (!claims) return null
    const key = JSON.stringify([claims.tenantId, claims.subject, claims.scopes])
    let viewer = viewers.get(key)
    if (!viewer) {
      viewer = lookUp(claims, plan)
      viewers.set(key, viewer)
      // A failed look-up must not be remembered as "nobody".
      viewer.catch(() => viewers.delete(key))
    }
    return viewer
  }
}
