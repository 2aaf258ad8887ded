import type { EntityManager } from '@mikro-orm/postgresql'
import { ConflictError } from '../../lib/errors.ts'
import type { PlannedWrite } from './plan-write.ts'

/** Why a write that lost lost, as things are now. */
export function whyLost(tx: EntityManager, write: PlannedWrite): Promise<ConflictError> {
  return write.previous ? movedOn(tx, write) : existsAlready(tx, write)
}

/** The content is at another version than the one the caller has seen, or this write began with. */
export function outdated({ call, next }: PlannedWrite, version: number): ConflictError {
  const message = `The content is at version ${version} by now. Read it again, and repeat the change on top of that.`
  return new ConflictError(message, { contentId: next.id, version }, call.path)
}

/** Another live content has the external reference. */
export async function existsAlready(
  tx: EntityManager,
  { call, next: { tenantId, externalSystem, externalId } }: PlannedWrite,
): Promise<ConflictError> {
  const [current] = await tx.execute<{ contentId: string; version: number }[]>(
    `select id as "contentId", version from content_items
     where tenant_id = ? and external_system = ? and external_id = ? and deleted_at is null`,
    [tenantId, externalSystem, externalId],
  )
  const name = `${externalSystem}:${externalId}`
  const message = `A content with the external reference "${name}" exists already. Update that one, or use another reference.`
  return new ConflictError(message, current ?? { contentId: null, version: 0 }, call.path)
}

async function movedOn(tx: EntityManager, write: PlannedWrite): Promise<ConflictError> {
  const { call, next } = write
  const [current] = await tx.execute<{ version: number }[]>(
    `select version from content_items where tenant_id = ? and id = ?`,
    [next.tenantId, next.id],
  )
  if (current) return outdated(write, current.version)
  const message = 'The content was purged meanwhile; nothing is left to change.'
  return new ConflictError(message, { contentId: next.id, version: 0 }, call.path)
}

/** The version to be restored went while it was read. */
export function sourceExpired({ call, next, change }: PlannedWrite): ConflictError {
  const message = `Version ${change.restoredFrom} has expired meanwhile; restore a later one.`
  return new ConflictError(message, { contentId: next.id, version: next.version - 1 }, call.path)
}

/** To make it again would undo the purge behind the caller's back. */
export function purgedSince({ call }: PlannedWrite, contentId: string): ConflictError {
  const message =
    'The content that a call with this idempotencyKey made was purged since; to make it again, use a new key.'
  return new ConflictError(message, { contentId, version: 0 }, call.path)
}
