import { DomainError, ForbiddenError, ValidationError } from '../../lib/errors.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import type { Viewer } from '../../lib/viewer.ts'
import { type ContentInput, validateContentInput, type ValidContentInput } from './content-input.ts'
import { planWrite } from './plan-write.ts'
import { type BatchErrorPolicy, isFailed, type WriteDeps, type WriteOutcome } from './write.ts'
import { writeContents } from './write-contents.ts'

/** Creates one content; answers its id. Throws the DomainErrors of the `CreateContentResult` union. */
export async function createContent(deps: WriteDeps, input: ContentInput): Promise<string> {
  const valid = checkInput(deps.viewer, input, ['input'])
  const write = await planWrite(deps.viewer, { operation: 'createContent', input: valid }, null)
  return idOrThrow(await writeContents(deps, [write], 'REJECT_ALL'))
}

/** Compresses this many bodies at once before the batch is written. */
const parallelPlans = 4

/**
 * Creates many contents with one outcome each, in input order. With REJECT_ALL the first failure is
 * thrown and nothing is created; with REJECT_FAILED the good ones are.
 */
export async function createContents(
  deps: WriteDeps,
  inputs: readonly ContentInput[],
  policy: BatchErrorPolicy,
): Promise<WriteOutcome[]> {
  const checked = inputs.map((input, index) => {
    try {
      return checkInput(deps.viewer, input, ['inputs', String(index)])
    } catch (error) {
      if (policy === 'REJECT_ALL' || !(error instanceof DomainError)) throw error
      return { error }
    }
  })
  const writes = await mapLimit(checked, parallelPlans, async (input, index) => {
    if ('error' in input) return null
    const call = { operation: 'createContents', input, path: ['inputs', String(index)] }
    return planWrite(deps.viewer, call, null)
  })
  const planned = writes.filter((write) => write !== null)
  const outcomes = (await writeContents(deps, planned, policy)).values()
  return checked.map((input) =>
    'error' in input ? { error: input.error } : (outcomes.next().value as WriteOutcome),
  )
}

/** Rules of the input, then rights: a brand out of reach, or publishing without the scope. */
export function checkInput(
  viewer: Viewer,
  input: ContentInput,
  path: readonly string[],
): ValidContentInput {
  const valid = validateContentInput(input, path, new Date())
  if (valid.brandId && viewer.brandIds?.includes(valid.brandId) === false) {
    const message = 'There is no such brand'
    throw new ValidationError([{ path: [...path, 'brandId'], code: 'NOT_FOUND', message }])
  }
  const publishes = valid.status === 'published' || valid.status === 'scheduled'
  if (publishes && !viewer.scopes.has('CONTENT_PUBLISH')) {
    throw new ForbiddenError('This status needs the scope CONTENT_PUBLISH.', ['CONTENT_PUBLISH'])
  }
  return valid
}

/** The content a single write ended in. */
export function idOrThrow([outcome]: readonly WriteOutcome[]): string {
  if (!outcome) throw new TypeError('A write has exactly one outcome')
  if (isFailed(outcome)) throw outcome.error
  return outcome.contentId
}
