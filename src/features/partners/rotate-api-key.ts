import type { EntityManager } from '@mikro-orm/postgresql'
import { asStorageUnavailable, ValidationError } from '../../lib/errors.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import type { ApiKeyDeps, IssuedKey } from './create-api-key.ts'
import { newSecret, writeKey } from './key-text.ts'
import { type ApiKeyRef, lockApiKey } from './lock-api-key.ts'

export interface Rotation extends ApiKeyRef {
  /** For so long the secret that was good until now stays so. */
  overlapSeconds: number
}

const maxOverlapSeconds = 7 * 86_400

/**
 * Gives a key another secret and answers the key; one before the last stops being good at once. Throws
 * ValidationError, NotFoundError, StorageUnavailableError.
 */
export async function rotateApiKey(deps: ApiKeyDeps, rotation: Rotation): Promise<IssuedKey> {
  const { database, tenantId, plan } = deps
  const { id, overlapSeconds } = rotation
  if (overlapSeconds < 0 || overlapSeconds > maxOverlapSeconds) {
    const message = `must be 0 to ${maxOverlapSeconds}, and is ${overlapSeconds}`
    throw new ValidationError([{ path: ['overlapSeconds'], code: 'INVALID', message }])
  }
  const secret = newSecret()
  await database
    .transaction(tenantId, (tx) => rotateIn(tx, deps, { ...rotation, secret }), plan)
    .catch(asStorageUnavailable)
  return { id, secret: writeKey(id, secret) }
}

async function rotateIn(
  tx: EntityManager,
  { tenantId, viewer: { userId }, origin, hashSecret }: ApiKeyDeps,
  { overlapSeconds, secret, ...ref }: Rotation & IssuedKey,
): Promise<void> {
  const { isRevoked, isExpired } = await lockApiKey(tx, tenantId, ref)
  const end = isRevoked ? 'was revoked' : isExpired ? 'has expired' : undefined
  if (end) {
    const message = `The key ${end}, and no secret would be good for it. Make another key.`
    throw new ValidationError([{ path: ['id'], code: 'INVALID', message }])
  }
  const previousValidUntil = new Date(Date.now() + overlapSeconds * 1_000)
  await tx.execute(
    `update api_keys set previous_secret_hash = secret_hash, previous_valid_until = ?,
       secret_hash = ? where tenant_id = ? and id = ?`,
    [previousValidUntil, hashSecret(secret), tenantId, ref.id],
  )
  const event = {
    action: 'rotateApiKey',
    subject: { type: 'ApiKey', id: ref.id },
    before: null,
    after: { previousValidUntil },
  }
  await recordAudit(tx, { tenantId, userId, origin }, [event])
}
