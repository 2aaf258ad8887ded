import { loadContents, loadContentsByRef } from './content.loaders.ts'
import type { Content } from './content.entity.ts'
import type { ExternalRef } from './content-where.ts'
import type { ContentReadDeps } from './list-contents.ts'

/** A content by its database id, or by its caller's own name for it. */
export type ContentRef = { id: string } | { externalRef: ExternalRef }

export interface WantedContent {
  ref: ContentRef
  includeDeleted?: boolean
}

/** The contents that references name, in order; null for what is not there or out of reach. */
export async function findContents(
  deps: ContentReadDeps,
  wanted: readonly WantedContent[],
): Promise<(Content | null)[]> {
  const ids = wanted.flatMap(({ ref }) => ('id' in ref ? [ref.id] : []))
  const refs = wanted.flatMap(({ ref }) => ('id' in ref ? [] : [ref.externalRef]))
  const [byId, byRef] = await Promise.all([
    ids.length > 0 ? loadContents(deps, ids, 'INCLUDE') : [],
    refs.length > 0 ? loadContentsByRef(deps, refs) : [],
  ])
  const [nextById, nextByRef] = [byId.values(), byRef.values()]
  return wanted.map(({ ref, includeDeleted = false }) => {
    const content = ('id' in ref ? nextById.next() : nextByRef.next()).value ?? null
    return content?.deletedAt && !includeDeleted ? null : content
  })
}

/** One of them. */
export async function findContent(
  deps: ContentReadDeps,
  ref: ContentRef,
  includeDeleted = false,
): Promise<Content | null> {
  const [content] = await findContents(deps, [{ ref, includeDeleted }])
  return content ?? null
}
