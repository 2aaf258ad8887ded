import { ConflictError, DomainError, NotFoundError, ValidationError } from '../../lib/errors.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import { checkDates, checkStatusRights } from './check-publication.ts'
import { findRepeated } from '../writing/claim-keys.ts'
import type { ContentChange } from '../writing/content-change.ts'
import type { Content } from '../content/content.entity.ts'
import { type ContentRef, findContents } from '../content/content-ref.loaders.ts'
import {
  changesNothing,
  type PlannedWrite,
  planWrite,
  type WriteCall,
} from '../writing/plan-write.ts'
import {
  type BatchErrorPolicy,
  type WriteDeps,
  type WriteOutcome,
  type Written,
  writtenOrThrow,
} from '../writing/write.ts'
import { writeContents } from '../writing/write-contents.ts'

export interface ChangeRequest {
  ref: ContentRef
  call: WriteCall
  /** Contents in the trash are found too. */
  includeDeleted?: boolean
  /** What to do to the content as it is now; throws DomainErrors. */
  change: (current: Content) => ContentChange | Promise<ContentChange>
}

/** A writer who did not say which version they have seen may lose to others this often. */
const maxAttempts = 3

/** Changes one content; throws the DomainErrors of the `UpdateContentResult` union. */
export async function changeContent(deps: WriteDeps, request: ChangeRequest): Promise<Written> {
  for (let attempt = 1; ; attempt++) {
    try {
      return writtenOrThrow(await changeContents(deps, [request], 'REJECT_ALL'))
    } catch (error) {
      const isFinal = request.call.expectedVersion !== null || attempt === maxAttempts
      if (isFinal || !(error instanceof ConflictError) || isWithAnother(request, error)) throw error
    }
  }
}

/** Another content has the external reference: it will have it at the next attempt too. */
function isWithAnother({ ref }: ChangeRequest, { contentId }: ConflictError): boolean {
  return 'id' in ref && ref.id !== contentId
}

/** Compresses this many bodies at once before the batch is written. */
const parallelPlans = 4

/**
 * Changes many contents, each with its outcome, in order. What would change nothing makes no version.
 * With REJECT_ALL the first failure is thrown and nothing is changed; with REJECT_FAILED the good ones
 * are.
 */
export async function changeContents(
  deps: WriteDeps,
  requests: readonly ChangeRequest[],
  policy: BatchErrorPolicy,
): Promise<WriteOutcome[]> {
  const found = await findContents(deps, requests)
  const plans = await mapLimit(requests, parallelPlans, (request, index) =>
    planOrRepeat(deps, request.call, policy, () => plan(deps, request, found, index)),
  )
  return writePlanned(deps, plans, policy)
}

/**
 * What `plan` comes to, as an outcome when it fails, unless the policy is to throw. A repeat of a call
 * may fail where the first did not, because of what that one did, or because time has passed: it gets
 * the first one's result.
 */
export async function planOrRepeat(
  deps: WriteDeps,
  call: WriteCall,
  policy: BatchErrorPolicy,
  plan: () => Promise<PlannedWrite | WriteOutcome>,
): Promise<PlannedWrite | WriteOutcome> {
  try {
    checkKey(call)
    return await plan()
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    const repeated = await findRepeated(deps, call)
    if (repeated) return repeated
    if (policy === 'REJECT_ALL') throw error
    return { error }
  }
}

/** Writes what is planned, and leaves the outcomes among `plans` as they are. */
export async function writePlanned(
  deps: WriteDeps,
  plans: readonly (PlannedWrite | WriteOutcome)[],
  policy: BatchErrorPolicy,
): Promise<WriteOutcome[]> {
  const writes = plans.filter((item) => 'intentId' in item)
  const outcomes = writes.length > 0 ? await writeContents(deps, writes, policy) : []
  const next = outcomes.values()
  return plans.map((item) => ('intentId' in item ? (next.next().value as WriteOutcome) : item))
}

const maxKeyLength = 200

function checkKey({ idempotencyKey, path }: WriteCall): void {
  const length = idempotencyKey?.length
  if (length === undefined || (length > 0 && length <= maxKeyLength)) return
  const message = `must have 1 to ${maxKeyLength} characters, and has ${length}`
  throw new ValidationError([{ path: [...path, 'idempotencyKey'], code: 'LENGTH', message }])
}

async function plan(
  deps: WriteDeps,
  { call, change }: ChangeRequest,
  found: readonly (Content | null)[],
  index: number,
): Promise<PlannedWrite | WriteOutcome> {
  const current = found[index]
  if (!current) throw new NotFoundError('Content', { path: call.path })
  if (found.findIndex((other) => other?.id === current.id) < index) throw twice(call)
  const planned = await planWrite(deps.viewer, call, await change(current), current)
  checkStatusRights(deps.viewer, current, planned.next)
  checkDates(call, planned.next)
  const { version } = current
  const isSeen = call.expectedVersion === null || call.expectedVersion === version
  // With a key it has to be remembered that this call came to nothing.
  const isOver = changesNothing(planned) && isSeen && call.idempotencyKey === null
  return isOver ? { contentId: current.id, version } : planned
}

function twice({ path }: WriteCall): ValidationError {
  const message = 'is changed twice in this batch; put both changes into one item'
  return new ValidationError([{ path: [...path, 'ref'], code: 'DUPLICATE', message }])
}
