import { ValidationError } from '../../lib/errors.ts'
import { changeContent } from './change-contents.ts'
import type { ContentChange } from '../writing/content-change.ts'
import type { Content } from '../content/content.entity.ts'
import { issue } from './content-input.ts'
import type { ContentRef } from '../content/content-ref.loaders.ts'
import { hashInput } from '../writing/plan-write.ts'
import type { OnUnavailable, WriteDeps, Written } from '../writing/write.ts'

/** A call that moves a content through its life, without touching its text. */
export interface StatusCall {
  ref: ContentRef
  expectedVersion: number | null
  idempotencyKey: string | null
  onUnavailable: OnUnavailable
}

/** Online from now on, also what was in the drawer; what is online stays so. */
export function publishContent(deps: WriteDeps, call: StatusCall): Promise<Written> {
  return changeStatus(deps, 'publishContent', call, {}, () => publication('Published.'))
}

/** A change that puts a content online. */
export function publication(summary: string): ContentChange {
  return { type: 'publish', set: { status: 'published', scheduledAt: null }, summary }
}

/** Off again, to be worked on. */
export function unpublishContent(deps: WriteDeps, call: StatusCall): Promise<Written> {
  return changeStatus(deps, 'unpublishContent', call, {}, () => withdrawal('Unpublished.'))
}

/** A change that takes a content off again. */
export function withdrawal(summary: string): ContentChange {
  const set = { status: 'draft', scheduledAt: null } as const
  return { type: 'update', set, summary }
}

/** Off, and out of the way; when it was published stays known. */
export function archiveContent(deps: WriteDeps, call: StatusCall): Promise<Written> {
  return changeStatus(deps, 'archiveContent', call, {}, () => ({
    type: 'archive',
    set: { status: 'archived', scheduledAt: null },
    summary: 'Archived.',
  }))
}

/** Online at `at`, and off again at `unpublishAt` if one is given. */
export async function scheduleContent(
  deps: WriteDeps,
  call: StatusCall & { at: Date; unpublishAt: Date | null },
): Promise<Written> {
  const { at, unpublishAt } = call
  const until = unpublishAt ? ` until ${unpublishAt.toISOString()}` : ''
  return changeStatus(deps, 'scheduleContent', call, { at, unpublishAt }, ({ status }) => {
    const issues = [...(status === 'published' ? [isPublished] : []), ...datesOutOfOrder(call)]
    if (issues.length > 0) throw new ValidationError(issues)
    return {
      type: 'update',
      set: { status: 'scheduled', scheduledAt: at, unpublishAt },
      summary: `Scheduled for ${at.toISOString()}${until}.`,
    }
  })
}

/** To schedule it would take it offline until then, which nobody has asked for. */
const isPublished = issue(
  ['ref'],
  'PUBLISHED',
  'is published already; to have it online from a later date only, unpublish it first',
)

function* datesOutOfOrder({ at, unpublishAt }: { at: Date; unpublishAt: Date | null }) {
  if (at <= new Date()) {
    yield issue(['at'], 'IN_THE_PAST', 'must be in the future; to publish now, use publishContent')
  }
  if (unpublishAt && unpublishAt <= at) {
    yield issue(['unpublishAt'], 'BEFORE_START', 'must be after `at`')
  }
}

/** Into the trash: out of every list, its bytes given back, to be had back for a while (E-087). */
export function deleteContent(deps: WriteDeps, call: StatusCall): Promise<Written> {
  const change = () => ({ type: 'delete', set: {}, deleted: true, summary: 'Deleted.' }) as const
  return changeStatus(deps, 'deleteContent', call, { includeDeleted: true }, change)
}

/** Out of the trash; its bytes are reserved again, so this may not fit any more. */
export function undeleteContent(deps: WriteDeps, call: StatusCall): Promise<Written> {
  const summary = 'Taken out of the trash.'
  const change = () => ({ type: 'restore', set: {}, deleted: false, summary }) as const
  return changeStatus(deps, 'undeleteContent', call, { includeDeleted: true }, change)
}

interface MoreInput {
  includeDeleted?: boolean
  at?: Date
  unpublishAt?: Date | null
}

function changeStatus(
  deps: WriteDeps,
  operation: string,
  { ref, expectedVersion, idempotencyKey, onUnavailable }: StatusCall,
  { includeDeleted = false, ...input }: MoreInput,
  change: (current: Content) => ContentChange,
): Promise<Written> {
  const inputHash = hashInput(ref, expectedVersion, input)
  const path: string[] = []
  const call = { operation, idempotencyKey, onUnavailable, inputHash, path, expectedVersion }
  return changeContent(deps, { ref, call, includeDeleted, change })
}
