import { type EntityManager, raw } from '@mikro-orm/postgresql'
import { ConflictError } from '../../lib/errors.ts'
import { isUniqueViolation } from '../../platform/postgres/database.ts'
import { Content } from './content.entity.ts'
import type { NextContent, PlannedWrite } from './plan-write.ts'

/**
 * Inserts new contents and moves existing ones to their next version; answers the writes that lost to
 * another, which leave no trace.
 */
export async function advanceContents(
  tx: EntityManager,
  writes: readonly PlannedWrite[],
): Promise<Map<PlannedWrite, ConflictError>> {
  const conflicts = new Map<PlannedWrite, ConflictError>()
  for (const write of await lostCreates(tx, writes)) {
    conflicts.set(write, await existsAlready(tx, write.next))
  }
  for (const write of writes) {
    const conflict = write.previous && (await advance(tx, write, write.previous))
    if (conflict) conflicts.set(write, conflict)
  }
  return conflicts
}

async function advance(
  tx: EntityManager,
  { next }: PlannedWrite,
  previous: Content,
): Promise<ConflictError | undefined> {
  const { tenantId, id, ...columns } = next
  const { externalSystem, externalId } = next
  const update = (em: EntityManager) =>
    em.nativeUpdate(
      Content,
      { tenantId, id, version: previous.version, deletedAt: null },
      { ...columns, updatedAt: databaseTime() },
    )
  const keepsRef = externalSystem === previous.externalSystem && externalId === previous.externalId
  try {
    // A savepoint, because a reference that is taken must not end the writes around this one.
    const advanced = await (keepsRef ? update(tx) : tx.transactional(update))
    return advanced === 0 ? await movedOn(tx, next) : undefined
  } catch (error) {
    if (!isUniqueViolation(error, 'uq_content_items_external_ref')) throw error
    return existsAlready(tx, next)
  }
}

/** Inserts the new contents; answers those whose external reference is taken. */
async function lostCreates(tx: EntityManager, writes: readonly PlannedWrite[]) {
  // Sorted, so that two batches with the same references cannot wait for each other.
  const creates = writes
    .filter(({ previous }) => previous === null)
    .toSorted((a, b) => (refOf(a) < refOf(b) ? -1 : 1))
  if (creates.length === 0) return []
  const inserted = await tx
    .createQueryBuilder(Content)
    .insert(
      creates.map(({ next }) => ({
        ...next,
        createdAt: databaseTime(),
        updatedAt: databaseTime(),
      })),
    )
    .onConflict()
    .ignore()
    .returning(['id'])
    .execute<{ id: string }[]>('all')
  const ids = new Set(inserted.map(({ id }) => id))
  return creates.filter(({ next }) => !ids.has(next.id))
}

function refOf({ next }: PlannedWrite): string {
  return JSON.stringify([next.externalSystem, next.externalId])
}

/** The commit's own time: the clocks of gateways differ, the database's is one. */
function databaseTime(): Date {
  return raw<Date>('now()')
}

async function existsAlready(
  tx: EntityManager,
  { tenantId, externalSystem, externalId }: NextContent,
): Promise<ConflictError> {
  const [current] = await tx.execute<{ contentId: string; version: number }[]>(
    `select id as "contentId", version from content_items
     where tenant_id = ? and external_system = ? and external_id = ? and deleted_at is null`,
    [tenantId, externalSystem, externalId],
  )
  const name = `${externalSystem}:${externalId}`
  const message = `A content with the external reference "${name}" exists already.`
  return new ConflictError(message, current ?? { contentId: '', version: 0 })
}

async function movedOn(tx: EntityManager, { tenantId, id }: NextContent): Promise<ConflictError> {
  const [current] = await tx.execute<{ version: number }[]>(
    `select version from content_items where tenant_id = ? and id = ?`,
    [tenantId, id],
  )
  const version = current?.version ?? 0
  return new ConflictError(`The content is at version ${version} by now.`, {
    contentId: id,
    version,
  })
}
