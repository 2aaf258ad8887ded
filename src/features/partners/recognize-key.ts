import { LRUCache } from 'lru-cache'
import { timingSafeEqual } from 'node:crypto'
import type { Viewer } from '../../lib/viewer.ts'
import type { HashSecret } from '../../platform/hash-secret.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { createIpCheck } from './allowed-ips.ts'
import { findApiKey, findOwner, type FoundKey } from './find-api-key.ts'
import { readKey } from './key-text.ts'

/** What is known of a key: who comes with it, and who may. */
interface KnownKey extends Pick<
  FoundKey,
  'secretHash' | 'previousSecretHash' | 'previousValidUntil' | 'expiresAt' | 'revokedAt'
> {
  viewer: Viewer
  allows(ip: string | null): boolean
}

export interface RecognizeOptions {
  ip: string | null
  plan: Plan | undefined
  /** How old what is known of the key may be; five seconds at most. */
  maxAgeMs: number
}

/** Who came with a key, and how long it is good for. */
export interface Recognized {
  viewer: Viewer
  /** Seconds since 1970; Infinity when nothing ends it. */
  expiresAt: number
}

/** A revocation, or any other change of a key, takes effect within this time. */
const ttlMs = 5_000
const maxKnown = 10_000

/**
 * Turns an API key into a viewer; null for one that is mistyped, unknown, revoked, expired or used from
 * elsewhere, all alike. What is found, and that nothing is, is remembered for five seconds: whoever tries
 * keys asks PostgreSQL once for each, and pushes no good one out of memory.
 */
export function createRecognizeKey(services: { database: Database; hashSecret: HashSecret }) {
  const { database, hashSecret } = services
  const owners = new LRUCache<string, string>({ max: maxKnown })
  const keys = new LRUCache<string, KnownKey>({ max: maxKnown, ttl: ttlMs })
  const strangers = new LRUCache<string, true>({ max: maxKnown, ttl: ttlMs })
  const underWay = new Map<string, Promise<KnownKey | null>>()

  const lookUp = async (id: string, plan: Plan | undefined): Promise<KnownKey | null> => {
    const start = performance.now()
    const owner = owners.get(id) ?? (await findOwner(database.reads.asSystem(plan), id))
    const found = owner && (await findApiKey(database.reads.forTenant(owner, plan), id))
    if (!found) {
      strangers.set(id, true, { start })
      keys.delete(id)
      return null
    }
    const key = knownOf(found)
    owners.set(id, found.tenantId)
    keys.set(id, key, { start })
    return key
  }
  const find = (id: string, { plan, maxAgeMs }: RecognizeOptions) => {
    if (keys.getRemainingTTL(id) > ttlMs - maxAgeMs) return keys.get(id)
    if (strangers.has(id)) return null
    const asked = underWay.get(id) ?? lookUp(id, plan).finally(() => void underWay.delete(id))
    underWay.set(id, asked)
    return asked
  }

  return async (text: string, options: RecognizeOptions): Promise<Recognized | null> => {
    const given = readKey(text)
    const key = given && (await find(given.id, options))
    if (!key || key.revokedAt || !key.allows(options.ip)) return null
    const expiresAtMs = Math.min(
      goodUntil(key, hashSecret(given.secret)),
      key.expiresAt?.getTime() ?? Infinity,
    )
    return Date.now() < expiresAtMs ? { viewer: key.viewer, expiresAt: expiresAtMs / 1_000 } : null
  }
}

/** How long the secret with this hash is good, in milliseconds since 1970. */
function goodUntil(key: KnownKey, hash: string): number {
  const { secretHash, previousSecretHash, previousValidUntil } = key
  if (isSame(hash, secretHash)) return Infinity
  const isPrevious = previousSecretHash != null && isSame(hash, previousSecretHash)
  return isPrevious && previousValidUntil ? previousValidUntil.getTime() : -Infinity
}

/** Both are hashes of the same length. */
function isSame(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'))
}

function knownOf(found: FoundKey): KnownKey {
  const { tenantId, id, scopes, brandIds, readMode, allowedIps, ...rest } = found
  const { costLimit, trustedDocumentsOnly } = rest
  return {
    ...rest,
    allows: createIpCheck(allowedIps ?? null),
    viewer: {
      tenantId,
      userId: null,
      apiKey: { id, costLimit, trustedDocumentsOnly },
      scopes: new Set(scopes),
      brandIds: brandIds ?? null,
      readMode,
    },
  }
}
