import type { EntityManager } from '@mikro-orm/postgresql'
import { asStorageUnavailable } from '../../lib/errors.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import type { ApiKeyDeps } from './create-api-key.ts'
import { type ApiKeyRef, lockApiKey } from './lock-api-key.ts'

type RevokeDeps = Omit<ApiKeyDeps, 'hashSecret'>

/**
 * Ends a key for good, on every instance within five seconds, together with what is open in its name.
 * One that is revoked already stays as it is. Throws NotFoundError, StorageUnavailableError.
 */
export async function revokeApiKey(deps: RevokeDeps, ref: ApiKeyRef): Promise<void> {
  const { database, tenantId, plan } = deps
  await database
    .transaction(tenantId, (tx) => revokeIn(tx, deps, ref), plan)
    .catch(asStorageUnavailable)
}

async function revokeIn(
  tx: EntityManager,
  { tenantId, viewer: { userId }, origin }: RevokeDeps,
  ref: ApiKeyRef,
): Promise<void> {
  const { isRevoked } = await lockApiKey(tx, tenantId, ref)
  if (isRevoked) return
  const revokedAt = new Date()
  await tx.execute('update api_keys set revoked_at = ? where tenant_id = ? and id = ?', [
    revokedAt,
    tenantId,
    ref.id,
  ])
  const event = {
    action: 'revokeApiKey',
    subject: { type: 'ApiKey', id: ref.id },
    before: { revokedAt: null },
    after: { revokedAt },
  }
  await recordAudit(tx, { tenantId, userId, origin }, [event])
}
