import type { Origin, Viewer } from '../../lib/viewer.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { enqueue } from '../../platform/tasks.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import { backupBell } from './sync-backup.task.ts'

/**
 * Asks a worker to let the next batch leave early, a minute after the last one at best: BigQuery takes
 * 1,500 load jobs a day from all tenants. What was given up is tried again; answers how many.
 */
export function runBackupSync(
  { database, viewer, origin }: { database: Database; viewer: Viewer; origin: Origin },
  tenantId: string,
): Promise<number> {
  return database.transaction(tenantId, async (tx) => {
    await enqueue(tx, backupBell, { tenantId }, { key: 'relay' })
    const again = await tx.execute<unknown[]>(
      `update backup_outbox set quarantined_at = null, attempts = 0
       where tenant_id = ? and quarantined_at is not null returning id`,
      [tenantId],
    )
    await recordAudit(tx, { tenantId, userId: viewer.userId, origin }, [
      {
        action: 'runBackupSync',
        subject: { type: 'Tenant', id: tenantId },
        before: null,
        after: { tried_again: again.length },
      },
    ])
    return again.length
  })
}
