import { ForbiddenError, ValidationError } from '../../lib/errors.ts'
import type { Viewer } from '../../lib/viewer.ts'
import type { ContentStatus } from '../content/content.entity.ts'
import type { NextContent, WriteCall } from '../writing/plan-write.ts'

/** What is to end before it begins would be online for no time at all. */
export function checkDates(
  { path }: WriteCall,
  { status, scheduledAt, unpublishAt }: NextContent,
): void {
  if (status !== 'scheduled' || !scheduledAt || !unpublishAt || scheduledAt < unpublishAt) return
  const message = `must be before unpublishAt, ${unpublishAt.toISOString()}; to move both, use scheduleContent`
  throw new ValidationError([{ path: [...path, 'scheduledAt'], code: 'AFTER_END', message }])
}

/** What says when a content is online. */
interface Publication {
  status: ContentStatus
  scheduledAt?: Date | null | undefined
  deletedAt?: Date | null | undefined
}

/** Going online, or off it, now or on a date, takes the right to publish; to delete has its own. */
export function checkStatusRights(
  { scopes }: Viewer,
  before: Publication | null,
  after: Publication,
): void {
  if (scopes.has('CONTENT_PUBLISH') || after.deletedAt) return
  if ((before && onlineFrom(before)) === onlineFrom(after)) return
  const message = 'To change whether or when a content is online takes the scope CONTENT_PUBLISH.'
  throw new ForbiddenError(message, ['CONTENT_PUBLISH'])
}

function onlineFrom({ status, scheduledAt, deletedAt }: Publication): string | null {
  if (deletedAt) return null
  if (status === 'published') return 'now'
  return status === 'scheduled' && scheduledAt ? scheduledAt.toISOString() : null
}
