import { ConflictError, NotFoundError } from '../../lib/errors.ts'
import { changeContent, writePlanned } from './change-contents.ts'
import { checkStatusRights } from './check-publication.ts'
import { changeOf, type ContentInput } from './content-input.ts'
import { checkInput } from './create-contents.ts'
import { type ContentRef, findContent } from '../content/content-ref.loaders.ts'
import { hashInput, planWrite } from '../writing/plan-write.ts'
import { type WriteDeps, type Written, writtenOrThrow } from '../writing/write.ts'

/**
 * Makes the content at `ref` look like `input`: creates it, adds a version, or, when nothing differs,
 * does nothing. A `ref` by id must exist.
 */
export async function upsertContent(
  deps: WriteDeps,
  ref: ContentRef,
  input: ContentInput,
): Promise<Written> {
  const path = ['input']
  const externalRef = 'externalRef' in ref ? ref.externalRef : input.externalRef
  const valid = checkInput(deps.viewer, { ...input, externalRef }, path)
  const { idempotencyKey, onUnavailable } = valid
  const inputHash = hashInput(ref, valid)
  const operation = 'upsertContent'
  const call = { operation, idempotencyKey, onUnavailable, inputHash, path, expectedVersion: null }
  const update = () => changeContent(deps, { ref, call, change: () => changeOf(valid, 'update') })

  if (await findContent(deps, ref)) return update()
  if ('id' in ref) throw new NotFoundError('Content')
  checkStatusRights(deps.viewer, null, valid)
  const create = await planWrite(deps.viewer, call, changeOf(valid, 'create'), null)
  try {
    return writtenOrThrow(await writePlanned(deps, [create], 'REJECT_ALL'))
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error
    // Somebody else has made it meanwhile.
    return update()
  }
}
