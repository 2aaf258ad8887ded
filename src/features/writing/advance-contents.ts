import type { EntityManager } from '@mikro-orm/postgresql'
import type { ConflictError } from '../../lib/errors.ts'
import { isUniqueViolation } from '../../platform/postgres/database.ts'
import { columnsIn, rowOf } from '../../platform/postgres/select-list.ts'
import { ContentSchema } from '../content/content.entity.ts'
import type { NextContent, PlannedWrite } from './plan-write.ts'
import { existsAlready, sourceExpired, whyLost } from './write-conflicts.ts'

/**
 * Inserts new contents and moves existing ones to their next version; answers the writes that lost to
 * another, which leave no trace.
 */
export async function advanceContents(
  tx: EntityManager,
  tenantId: string,
  writes: readonly PlannedWrite[],
): Promise<Map<PlannedWrite, ConflictError>> {
  const creates = writes.filter(({ previous }) => previous === null)
  const updates = writes.filter(({ previous }) => previous !== null)
  const lost = new Map<PlannedWrite, ConflictError>()
  for (const write of await lostCreates(tx, creates)) lost.set(write, await whyLost(tx, write))
  for (const write of await lockUpdates(tx, tenantId, updates)) {
    lost.set(write, await whyLost(tx, write))
  }
  const open = updates.filter((write) => !lost.has(write))
  for (const write of await expiredSources(tx, tenantId, open)) {
    lost.set(write, sourceExpired(write))
  }
  await update(
    tx,
    open.filter((write) => !lost.has(write) && !takesRef(write)),
  )
  for (const write of open) {
    if (lost.has(write) || !takesRef(write)) continue
    const conflict = await updateWithRef(tx, write)
    if (conflict) lost.set(write, conflict)
  }
  return lost
}

const columns = columnsIn(ContentSchema).filter(
  (column) => !['created_at', 'updated_at'].includes(column),
)
const kept = ['tenant_id', 'id']
const columnList = columns.join(', ')
const rowsSql = 'from jsonb_populate_recordset(null::content_items, ?::jsonb) n'

const insertSql = `
  insert into content_items (${columnList})
  select ${columns.map((column) => `n.${column}`).join(', ')} ${rowsSql}
  on conflict do nothing returning id`

const updateSql = `
  update content_items c set updated_at = now(), ${columns
    .filter((column) => !kept.includes(column))
    .map((column) => `${column} = n.${column}`)
    .join(', ')}
  ${rowsSql} where c.tenant_id = n.tenant_id and c.id = n.id`

function rowsOf(writes: readonly PlannedWrite[]): string {
  return JSON.stringify(writes.map(({ next }) => rowOf(ContentSchema, next)))
}

/** Inserts the new contents; answers those whose external reference is taken. */
async function lostCreates(tx: EntityManager, creates: readonly PlannedWrite[]) {
  if (creates.length === 0) return []
  // Sorted, so that two batches with the same references cannot wait for each other.
  const sorted = creates.toSorted((a, b) => (refOf(a.next) < refOf(b.next) ? -1 : 1))
  const inserted = await tx.execute<{ id: string }[]>(insertSql, [rowsOf(sorted)])
  const ids = new Set(inserted.map(({ id }) => id))
  return creates.filter(({ next }) => !ids.has(next.id))
}

/** Locks the contents in one order for everybody; answers the writes that found another version. */
async function lockUpdates(
  tx: EntityManager,
  tenantId: string,
  updates: readonly PlannedWrite[],
): Promise<PlannedWrite[]> {
  if (updates.length === 0) return []
  const ids = updates.map(({ next }) => next.id)
  const rows = await tx.execute<{ id: string; version: number }[]>(
    `select id, version from content_items
     where tenant_id = ? and id = any(?::uuid[]) order by id for update`,
    [tenantId, `{${ids.join(',')}}`],
  )
  const versions = new Map(rows.map(({ id, version }) => [id, version]))
  return updates.filter(({ next, previous }) => versions.get(next.id) !== previous?.version)
}

/**
 * Locks the versions that are restored: none of them may expire before the new version, which shares
 * its body, is there. Answers the writes whose source has gone.
 */
async function expiredSources(
  tx: EntityManager,
  tenantId: string,
  updates: readonly PlannedWrite[],
): Promise<PlannedWrite[]> {
  const restores = updates.filter(({ change }) => change.restoredFrom !== undefined)
  if (restores.length === 0) return []
  const rows = await tx.execute<{ content_id: string }[]>(
    `select content_id from content_versions
     where tenant_id = ? and expired_at is null and (content_id, version_number) in (
       select * from unnest(?::uuid[], ?::integer[])
     )
     order by content_id, version_number for share`,
    [
      tenantId,
      `{${restores.map(({ next }) => next.id).join(',')}}`,
      `{${restores.map(({ change }) => change.restoredFrom).join(',')}}`,
    ],
  )
  const found = new Set(rows.map((row) => row.content_id))
  return restores.filter(({ next }) => !found.has(next.id))
}

async function update(tx: EntityManager, writes: readonly PlannedWrite[]): Promise<void> {
  if (writes.length > 0) await tx.execute(updateSql, [rowsOf(writes)])
}

/** In a savepoint, because a reference that is taken must not end the writes around this one. */
async function updateWithRef(
  tx: EntityManager,
  write: PlannedWrite,
): Promise<ConflictError | undefined> {
  try {
    await tx.transactional((savepoint) => update(savepoint, [write]))
    return undefined
  } catch (error) {
    if (!isUniqueViolation(error, 'uq_content_items_external_ref')) throw error
    return existsAlready(tx, write)
  }
}

/** Whether an update makes an external reference live that was not: it may be another's by now. */
function takesRef({ next, previous }: PlannedWrite): boolean {
  if (next.externalId === null || next.deletedAt) return false
  return previous?.deletedAt != null || !previous || refOf(previous) !== refOf(next)
}

function refOf({ externalSystem, externalId }: Pick<NextContent, 'externalSystem' | 'externalId'>) {
  return JSON.stringify([externalSystem, externalId])
}
