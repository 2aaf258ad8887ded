import type { EntityManager } from '@mikro-orm/postgresql'
import { asStorageUnavailable } from '../../lib/errors.ts'
import type { Origin } from '../../lib/viewer.ts'
import type { Plan } from '../../platform/plan.ts'
import type { Database } from '../../platform/postgres/database.ts'
import { enqueue } from '../../platform/tasks.ts'
import type { DocumentTable } from '../content/queued-documents.ts'
import { recordAudit } from '../tenancy/record-audit.ts'
import { archiveBell } from './archive-bell.ts'
import { checkCollections } from './collections.ts'

export interface BackupCollectionsDeps {
  database: Database
  tenantId: string
  viewer: { userId: string | null }
  origin: Origin
  plan?: Plan
}

/** What was asked for: begun by this call, or under way already. */
export interface RequestedBackups {
  begun: DocumentTable[]
  underWay: DocumentTable[]
}

/**
 * Has a worker back up collections, all unless some are named; of each one backup is under way at a
 * time (W-012). Throws ValidationError and StorageUnavailableError.
 */
export async function backupCollections(
  deps: BackupCollectionsDeps,
  names: readonly string[] | null | undefined,
): Promise<RequestedBackups> {
  const asked = checkCollections(names)
  const begun = await requestBackups(deps, asked, 'ring').catch(asStorageUnavailable)
  return { begun, underWay: asked.filter((collection) => !begun.includes(collection)) }
}

/** Notes the backups, and rings for a worker unless the caller does the work. Answers what is new. */
export function requestBackups(
  { database, tenantId, viewer, origin, plan }: BackupCollectionsDeps,
  asked: readonly DocumentTable[],
  bell: 'ring' | 'silent',
): Promise<DocumentTable[]> {
  const { userId } = viewer
  return database.transaction(
    tenantId,
    async (tx) => {
      const noted = await tx.execute<{ collection: DocumentTable }[]>(
        `insert into archive_runs (tenant_id, collection, user_id, request_id, ip)
         select ?, collection, ?, ?, ? from unnest(?::text[]) asked (collection)
         order by collection on conflict do nothing returning collection`,
        [tenantId, userId, origin.requestId, origin.ip, `{${asked.join(',')}}`],
      )
      const begun = noted.map(({ collection }) => collection).toSorted()
      if (bell === 'ring') await ringFor(tx, tenantId, begun)
      if (begun.length > 0) {
        const subject = { type: 'Tenant', id: tenantId }
        const after = { collections: begun }
        const event = { action: 'backupCollections', subject, before: null, after }
        await recordAudit(tx, { tenantId, userId, origin }, [event])
      }
      return begun
    },
    plan,
  )
}

/** In the order of their names, which is that of the keys. */
export async function ringFor(
  tx: EntityManager,
  tenantId: string,
  collections: readonly string[],
): Promise<void> {
  for (const collection of collections) {
    const key = `${tenantId} ${collection}`
    await enqueue(tx, archiveBell, { tenantId, collection }, { key })
  }
}
