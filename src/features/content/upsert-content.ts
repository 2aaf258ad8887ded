import { ConflictError, NotFoundError } from '../../lib/errors.ts'
import { loadContents, loadContentsByRef } from './content.loaders.ts'
import type { Content } from './content.entity.ts'
import type { ContentInput, ValidContentInput } from './content-input.ts'
import type { ExternalRef } from './content-where.ts'
import { checkInput, idOrThrow } from './create-contents.ts'
import { changesNothing, planWrite } from './plan-write.ts'
import type { WriteDeps } from './write.ts'
import { writeContents } from './write-contents.ts'

/** A content by its database id, or by its caller's own name for it. */
export type ContentRef = { id: string } | { externalRef: ExternalRef }

/** A writer may lose to others this often before it is told so. */
const maxAttempts = 3

/**
 * Makes the content at `ref` look like `input`: creates it, adds a version, or, when nothing
 * differs, does nothing. Answers its id. A `ref` by id must exist.
 */
export async function upsertContent(
  deps: WriteDeps,
  ref: ContentRef,
  input: ContentInput,
): Promise<string> {
  const externalRef = 'externalRef' in ref ? ref.externalRef : input.externalRef
  const valid = checkInput(deps.viewer, { ...input, externalRef }, ['input'])
  for (let attempt = 1; ; attempt++) {
    try {
      return await putContent(deps, ref, valid)
    } catch (error) {
      if (!(error instanceof ConflictError) || attempt === maxAttempts) throw error
    }
  }
}

async function putContent(
  deps: WriteDeps,
  ref: ContentRef,
  input: ValidContentInput,
): Promise<string> {
  const current = await findContent(deps, ref)
  if (!current && 'id' in ref) throw new NotFoundError('Content')
  const target = 'id' in ref ? ref.id : undefined
  const write = await planWrite(deps.viewer, { operation: 'upsertContent', input, target }, current)
  if (current && changesNothing(write)) return current.id
  return idOrThrow(await writeContents(deps, [write], 'REJECT_ALL'))
}

/** The content a reference names, or null when it is not there or out of reach. */
export async function findContent(
  deps: Pick<WriteDeps, 'reads' | 'viewer' | 'tenantId'>,
  ref: ContentRef,
): Promise<Content | null> {
  const [content] =
    'id' in ref
      ? await loadContents(deps, [ref.id])
      : await loadContentsByRef(deps, [ref.externalRef])
  return content ?? null
}
