import type { EntityManager } from '@mikro-orm/postgresql'
import { step } from '../../lib/failpoints.ts'
import { settleStorage } from '../quota/storage-usage.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import { dueVersions } from './due-versions.ts'
import type { SweepDeps } from '../writing/sweep-writes.ts'

export interface ExpireOptions {
  /** Only these; all when absent. */
  tenantIds?: readonly string[]
  /** Says what would go, and changes nothing. */
  dryRun?: boolean
  /** Told of every step forward. */
  onRemoved?: (versions: number) => void
}

/** What of a tenant went, or would go: versions with their documents, and bytes of bodies. */
export interface Expiry {
  tenantId: string
  versions: number
  bytes: number
}

/** Versions in one transaction. */
const batchSize = 500

/**
 * Lets go of versions whose retention is over: never of the current one, of a pinned one, or of a body
 * that a version in force shares. Marks first, and deletes only what is marked: who restores or pins a
 * version takes its lock and finds the mark, or comes first and is passed over. Safe to run anywhere,
 * any time, and to be broken off: every step begins with what the last one left.
 */
export async function expireVersions(
  deps: SweepDeps,
  { tenantIds, dryRun = false, onRemoved }: ExpireOptions = {},
): Promise<Expiry[]> {
  const expired: Expiry[] = []
  for (const tenantId of tenantIds ?? (await listTenantIds(deps))) {
    const due = { tenantId, versions: 0, bytes: 0 }
    for await (const { ids, versions, bytes } of dueVersions(deps, tenantId)) {
      due.versions += versions
      due.bytes += bytes
      if (!dryRun) await markExpired(deps, tenantId, ids)
    }
    const expiry = dryRun ? due : await removeExpired(deps, tenantId, onRemoved)
    if (expiry.versions > 0) expired.push(expiry)
  }
  return expired
}

async function listTenantIds({ database }: SweepDeps): Promise<string[]> {
  const rows = await database.reads
    .asSystem()
    .rows<{ id: string }>('select id from tenants order by id', [])
  return rows.map(({ id }) => id)
}

async function markExpired(
  { database, signal }: SweepDeps,
  tenantId: string,
  ids: readonly string[],
): Promise<void> {
  for (let start = 0; start < ids.length; start += batchSize) {
    signal.throwIfAborted()
    const batch = idList(ids.slice(start, start + batchSize))
    await step('markExpired', { tenantId }, () =>
      database.transaction(tenantId, (tx) => tx.execute(markSql, [tenantId, tenantId, batch])),
    )
  }
}

/** What is locked is being pinned or restored, or marked by somebody else. */
const markSql = `
  update content_versions set expired_at = now()
  where tenant_id = ? and id in (
    select id from content_versions
    where tenant_id = ? and id = any(?::uuid[]) and expired_at is null and pinned_at is null
    order by content_id, version_number for update skip locked
  )`

interface ExpiredVersion {
  id: string
  documentId: string
  /** No version in force has its body. */
  bodyGoes: boolean
}

/** What waits in PostgreSQL is left for later: it would come to ZeroDB after it was deleted there. */
const expiredSql = `
  select v.id, v.document_id as "documentId", not exists (
    select from content_versions k
    where k.tenant_id = v.tenant_id and k.document_id = v.document_id and k.expired_at is null
  ) and not exists (
    select from content_items c where c.tenant_id = v.tenant_id and c.id = v.content_id
      and c.zerodb_id = v.document_id
  ) as "bodyGoes"
  from content_versions v
  where v.tenant_id = $1 and v.expired_at is not null and v.documents_removed_at is null
    and not exists (
      select from queued_documents q
      where q.tenant_id = v.tenant_id and q.id in (v.id, v.document_id)
    )
  order by v.id limit $2`

async function removeExpired(
  deps: SweepDeps,
  tenantId: string,
  onRemoved: ExpireOptions['onRemoved'],
): Promise<Expiry> {
  const { database } = deps
  const removed = { tenantId, versions: 0, bytes: 0 }
  for (let found = batchSize; found === batchSize;) {
    deps.signal.throwIfAborted()
    const batch = await database.reads
      .forTenant(tenantId)
      .rows<ExpiredVersion>(expiredSql, [tenantId, batchSize])
    found = batch.length
    if (found === 0) break
    await deleteDocuments(deps, tenantId, batch)
    const settled = await step('settleExpired', { tenantId }, () =>
      database.transaction(tenantId, (tx) => settleIn(tx, tenantId, batch)),
    )
    removed.versions += settled.versions
    removed.bytes += settled.bytes
    onRemoved?.(settled.versions)
  }
  return removed
}

/** An expired version never comes back, so neither does a reference to what only such ones have. */
async function deleteDocuments(
  { zerodb, signal }: SweepDeps,
  tenantId: string,
  batch: readonly ExpiredVersion[],
): Promise<void> {
  const bodies = batch.filter(({ bodyGoes }) => bodyGoes).map(({ documentId }) => documentId)
  await step('removeExpiredBodies', { tenantId }, () =>
    zerodb.deleteRowsByKey(tenantId, bodyTable, [...new Set(bodies)], { signal }),
  )
  const entries = batch.map(({ id }) => id)
  await step('removeExpiredHistory', { tenantId }, () =>
    zerodb.deleteRowsByKey(tenantId, historyTable, entries, { signal }),
  )
}

/**
 * Books what was deleted. The lock covers all versions that share these bodies: of two workers that
 * settle the last two of them, the second sees both and takes the bytes off, once.
 */
async function settleIn(
  tx: EntityManager,
  tenantId: string,
  batch: readonly ExpiredVersion[],
): Promise<{ versions: number; bytes: number }> {
  const documentIds = idList(batch.map(({ documentId }) => documentId))
  await tx.execute(
    `select from content_versions where tenant_id = ? and document_id = any(?::uuid[])
     order by content_id, version_number for update`,
    [tenantId, documentIds],
  )
  const settled = await tx.execute<{ document_id: string }[]>(
    `update content_versions set documents_removed_at = now()
     where tenant_id = ? and id = any(?::uuid[]) and documents_removed_at is null
     returning document_id`,
    [tenantId, idList(batch.map(({ id }) => id))],
  )
  const [gone] = await tx.execute<{ bytes: string }[]>(
    `select coalesce(sum(bytes), 0) as bytes from (
       select max(size_bytes) as bytes from content_versions
       where tenant_id = ? and document_id = any(?::uuid[])
       group by document_id having bool_and(documents_removed_at is not null)
     ) bodies`,
    [tenantId, idList(settled.map((row) => row.document_id))],
  )
  const bytes = Number(gone?.bytes ?? 0)
  await settleStorage(tx, tenantId, { reserved: 0, growth: 0, items: 0, stored: -bytes })
  return { versions: settled.length, bytes }
}

function idList(ids: readonly string[]): string {
  return `{${[...new Set(ids)].join(',')}}`
}
