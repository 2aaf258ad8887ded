import { createLocalJWKSet, jwtVerify } from 'jose'
import type { PeerSettings } from '../contenders.ts'

/** What the program was started with. */
export function readSettings(): PeerSettings {
  return JSON.parse(process.argv[2] ?? '') as PeerSettings
}

/** The tenant of a bearer token; throws when it proves nothing. */
export function createTenantOf({ tokens }: PeerSettings) {
  const keys = createLocalJWKSet(tokens.keys)
  return async (authorization: string | null | undefined): Promise<string> => {
    const token = authorization?.replace(/^Bearer /, '') ?? ''
    const { payload } = await jwtVerify(token, keys, { issuer: tokens.issuer })
    return String(payload['tenant_id'])
  }
}
