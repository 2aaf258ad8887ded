import type { EntityManager } from '@mikro-orm/postgresql'
import { NotFoundError, StorageUnavailableError, UpstreamError } from '../../lib/errors.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import type { LlmKey } from './llm-key.entity.ts'
import type { LlmKeyDeps } from './set-llm-key.ts'

/** As the client sent it, and the database id in it. */
export interface LlmKeyRef {
  globalId: string
  id: string
}

/** Removes a key with its secret. Jobs that run on it end with the next call to their model. */
export async function deleteLlmKey(deps: Omit<LlmKeyDeps, 'vault'>, ref: LlmKeyRef): Promise<void> {
  const { database, tenantId, plan } = deps
  try {
    await database.transaction(tenantId, (tx) => deleteIn(tx, deps, ref), plan)
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    throw new StorageUnavailableError(error, error.mayHaveApplied ? 'unknown' : 'unchanged')
  }
}

async function deleteIn(
  tx: EntityManager,
  { tenantId, viewer: { userId }, origin }: Omit<LlmKeyDeps, 'vault'>,
  { globalId, id }: LlmKeyRef,
): Promise<void> {
  const [deleted] = await tx.execute<Pick<LlmKey, 'provider' | 'label' | 'last4'>[]>(
    'delete from llm_keys where tenant_id = ? and id = ? returning provider, label, last4',
    [tenantId, id],
  )
  if (!deleted) throw new NotFoundError('Key', { id: globalId, path: ['id'] })
  const { provider, label, last4 } = deleted
  const event = {
    action: 'deleteLlmKey',
    subject: { type: 'LlmKey', id },
    before: { provider, label, last4 },
    after: null,
  }
  await recordAudit(tx, { tenantId, userId, origin }, [event])
}
