import { ValidationError } from '../../lib/errors.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import type { Viewer } from '../../lib/viewer.ts'
import { planOrRepeat, writePlanned } from './change-contents.ts'
import { checkStatusRights } from './check-publication.ts'
import {
  changeOf,
  type ContentInput,
  validateContentInput,
  type ValidContentInput,
} from './content-input.ts'
import { hashInput, planWrite } from '../writing/plan-write.ts'
import {
  type BatchErrorPolicy,
  type WriteDeps,
  type WriteOutcome,
  type Written,
  writtenOrThrow,
} from '../writing/write.ts'

/** Creates one content. Throws the DomainErrors of the `CreateContentResult` union. */
export async function createContent(deps: WriteDeps, input: ContentInput): Promise<Written> {
  const plan = await planCreate(deps, 'createContent', input, ['input'], 'REJECT_ALL')
  return writtenOrThrow(await writePlanned(deps, [plan], 'REJECT_ALL'))
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
  const plans = await mapLimit(inputs, parallelPlans, (input, index) =>
    planCreate(deps, 'createContents', input, ['inputs', String(index)], policy),
  )
  return writePlanned(deps, plans, policy)
}

function planCreate(
  deps: WriteDeps,
  operation: string,
  input: ContentInput,
  path: readonly string[],
  policy: BatchErrorPolicy,
) {
  const { idempotencyKey, onUnavailable } = input
  const inputHash = hashInput(input)
  const expectedVersion = null
  const call = { operation, idempotencyKey, onUnavailable, inputHash, path, expectedVersion }
  return planOrRepeat(deps, call, policy, async () => {
    const valid = checkInput(deps.viewer, input, path)
    checkStatusRights(deps.viewer, null, valid)
    return planWrite(deps.viewer, call, changeOf(valid, 'create'), null)
  })
}

/** Rules of the input, and a brand within reach. */
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
  return valid
}
