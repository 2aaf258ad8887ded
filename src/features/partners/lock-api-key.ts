import type { EntityManager } from '@mikro-orm/postgresql'
import { NotFoundError } from '../../lib/errors.ts'

/** As the client sent it, and the database id in it. */
export interface ApiKeyRef {
  globalId: string
  id: string
}

interface LockedKey {
  isRevoked: boolean
  isExpired: boolean
}

/** How the key is now, and stays until the transaction is over; throws NotFoundError. */
export async function lockApiKey(
  tx: EntityManager,
  tenantId: string,
  { id, globalId }: ApiKeyRef,
): Promise<LockedKey> {
  const [key] = await tx.execute<LockedKey[]>(
    `select revoked_at is not null as "isRevoked",
       coalesce(expires_at <= now(), false) as "isExpired"
     from api_keys where tenant_id = ? and id = ? for update`,
    [tenantId, id],
  )
  if (key) return key
  throw new NotFoundError('API key', { id: globalId, path: ['id'] })
}
