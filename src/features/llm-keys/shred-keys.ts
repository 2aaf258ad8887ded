import type { Database } from '../../platform/postgres/database.ts'
import { recordAudit } from '../tenancy/record-audit.ts'

const origin = { requestId: 'task:shredKeys', ip: null, apiKeyId: null }

export interface Shredded {
  llmKeys: number
  dataKeys: number
}

/**
 * Destroys a tenant's data key and the secrets sealed under it (crypto-shredding): whatever copies of
 * them backups keep, nobody can open them any more, not even with the master key. What was done stays in the
 * audit. A tenant that sets a key of its own again gets a new data key. Throws UpstreamError.
 */
export async function shredKeys(database: Database, tenantId: string): Promise<Shredded> {
  return database.transaction(tenantId, async (tx) => {
    const secrets = await tx.execute<{ provider: string; label: string; last4: string }[]>(
      'delete from llm_keys where tenant_id = ? returning provider, label, last4',
      [tenantId],
    )
    const dataKeys = await tx.execute<unknown[]>(
      'delete from data_keys where tenant_id = ? returning id',
      [tenantId],
    )
    const event = {
      action: 'shredKeys',
      subject: { type: 'Tenant', id: tenantId },
      before: { llmKeys: secrets, dataKeys: dataKeys.length },
      after: null,
    }
    await recordAudit(tx, { tenantId, userId: null, origin }, [event])
    return { llmKeys: secrets.length, dataKeys: dataKeys.length }
  })
}
