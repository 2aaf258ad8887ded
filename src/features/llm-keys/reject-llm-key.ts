import type { Database } from '../../platform/postgres/database.ts'

/**
 * Notes that the provider has refused a key, so that its owner sees it and new jobs take another.
 * `sealing` is that of the secret that was tried: one that has replaced it is not to blame.
 */
export async function rejectLlmKey(
  { database, tenantId }: { database: Database; tenantId: string },
  { id, sealing }: { id: string; sealing: string },
): Promise<void> {
  await database.transaction(tenantId, (tx) =>
    tx.execute(
      `update llm_keys set rejected_at = now()
       where tenant_id = ? and id = ? and sealed_secret = ?`,
      [tenantId, id, sealing],
    ),
  )
}
