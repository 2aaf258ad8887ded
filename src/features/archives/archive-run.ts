import { newId } from '../../lib/id.ts'
import type { Log } from '../../platform/log.ts'
import type { Database } from '../../platform/postgres/database.ts'
import type { ZeroDb } from '../../platform/zerodb.ts'
import type { DocumentTable } from '../content/queued-documents.ts'
import { recordAudit } from '../tenancy/record-audit.ts'

export interface ArchiveDeps {
  database: Database
  zerodb: ZeroDb
  log: Log
  signal: AbortSignal
}

/** A backup in hand; nobody else works at it while the lease holds. */
export interface ArchiveRun {
  tenantId: string
  collection: DocumentTable
  /** The fence: another attempt has another one. */
  archiveId: string
  attempts: number
  userId: string | null
  requestId: string
  ip: string | null
}

/** Longer than the longest call between two renewals: an upload, and the look at what was kept. */
const leaseSeconds = 300

export const maxAttempts = 5
const firstPauseSeconds = 60

type RunKey = Pick<ArchiveRun, 'tenantId' | 'collection'>

/** Null when there is nothing to do, or somebody else does it. */
export async function claimRun(
  { database }: ArchiveDeps,
  { tenantId, collection }: RunKey,
): Promise<ArchiveRun | null> {
  const [claimed] = await database.transaction(tenantId, (tx) =>
    tx.execute<Omit<ArchiveRun, keyof RunKey>[]>(
      `update archive_runs set archive_id = ?, attempts = attempts + 1,
         lease_expires_at = now() + make_interval(secs => ?)
       where tenant_id = ? and collection = ? and lease_expires_at < now()
       returning archive_id as "archiveId", attempts, user_id as "userId",
         request_id as "requestId", ip`,
      [newId(), leaseSeconds, tenantId, collection],
    ),
  )
  return claimed ? { tenantId, collection, ...claimed } : null
}

/** Thrown by whoever has lost a backup to another worker: there is nothing left to do for it. */
export class LostRunError extends Error {
  override readonly name = 'LostRunError'
}

/** Throws when another worker has taken over: it took too long here. */
export async function renewRun({ database }: ArchiveDeps, run: ArchiveRun): Promise<void> {
  const { tenantId, collection, archiveId } = run
  const renewed = await database.transaction(tenantId, (tx) =>
    tx.execute<unknown[]>(
      `update archive_runs set lease_expires_at = now() + make_interval(secs => ?)
       where tenant_id = ? and collection = ? and archive_id = ? returning collection`,
      [leaseSeconds, tenantId, collection, archiveId],
    ),
  )
  if (renewed.length === 0) throw new LostRunError(`lost the backup of ${collection}`)
}

/** Leaves it to the next worker, at once: this one was asked to stop. */
export async function handBackRun({ database }: ArchiveDeps, run: ArchiveRun): Promise<void> {
  const { tenantId, collection, archiveId } = run
  await database.transaction(tenantId, (tx) =>
    tx.execute(
      `update archive_runs set lease_expires_at = '-infinity', attempts = attempts - 1
       where tenant_id = ? and collection = ? and archive_id = ?`,
      [tenantId, collection, archiveId],
    ),
  )
}

/** Puts it off, longer each time, and gives it up in the end. Answers whether it is given up. */
export function failRun({ database }: ArchiveDeps, run: ArchiveRun): Promise<boolean> {
  const { tenantId, collection, archiveId, attempts, userId, requestId, ip } = run
  const own = `tenant_id = ? and collection = ? and archive_id = ?`
  const key = [tenantId, collection, archiveId]
  return database.transaction(tenantId, async (tx) => {
    if (attempts < maxAttempts) {
      const pause = firstPauseSeconds * 2 ** (attempts - 1)
      await tx.execute(
        `update archive_runs set lease_expires_at = now() + make_interval(secs => ?) where ${own}`,
        [pause, ...key],
      )
      return false
    }
    const deleted = `delete from archive_runs where ${own} returning collection`
    const [ended] = await tx.execute<unknown[]>(deleted, key)
    if (!ended) return false
    const event = {
      action: 'giveUpBackup',
      subject: { type: 'Tenant', id: tenantId },
      before: null,
      after: { collection, attempts },
    }
    await recordAudit(tx, { tenantId, userId, origin: { requestId, ip, apiKeyId: null } }, [event])
    return true
  })
}
