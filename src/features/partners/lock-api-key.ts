import type { EntityManager } from '@mikro-orm/postgresql'
import { NotFoundError } from '../../lib/errors.ts'
import type { ApiKey } from './api-key.entity.ts'

/** As the client sent it, and the database id in it. */
export interface ApiKeyRef {
  globalId: string
  id: string
}

type LockedKey = Pick<ApiKey, 'expiresAt' | 'revokedAt'>

/** How the key is now, and stays until the transaction is over; throws NotFoundError. */
export async function lockApiKey(
  tx: EntityManager,
  tenantId: string,
  { id, globalId }: ApiKeyRef,
): Promise<LockedKey> {
  const [key] = await tx.execute<LockedKey[]>(
    `select expires_at as "expiresAt", revoked_at as "revokedAt"
     from api_keys where tenant_id = ? and id = ? for update`,
    [tenantId, id],
  )
  if (key) return key
  throw new NotFoundError('API key', { id: globalId, path: ['id'] })
}
