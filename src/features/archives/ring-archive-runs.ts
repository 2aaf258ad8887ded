import type { ArchiveDeps } from './archive-run.ts'
import { ringFor } from './backup-collections.ts'

/**
 * Rings again for backups that nobody has in hand: their bell was lost, their worker has died, or it
 * is time to try again. Safe to run anywhere, any time.
 */
export async function ringArchiveRuns({
  database,
  signal,
}: Pick<ArchiveDeps, 'database' | 'signal'>): Promise<void> {
  const tenants = await database.reads
    .asSystem()
    .rows<{ tenantId: string }>(
      `select distinct tenant_id as "tenantId" from archive_runs where lease_expires_at < now()`,
      [],
    )
  for (const { tenantId } of tenants) {
    signal.throwIfAborted()
    await database.transaction(tenantId, async (tx) => {
      const due = await tx.execute<{ collection: string }[]>(
        `select collection from archive_runs where tenant_id = ? and lease_expires_at < now()
         order by collection`,
        [tenantId],
      )
      await ringFor(
        tx,
        tenantId,
        due.map(({ collection }) => collection),
      )
    })
  }
}
