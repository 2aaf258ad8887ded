import { isDeepStrictEqual } from 'node:util'
import { sha256 } from '../../lib/bytes.ts'
import type { CurrentContent, NewContent } from './operations.ts'
import type { Source } from './read-source.ts'

/** The system that all imported contents are known under. */
export const externalSystem = 'import'

/**
 * A content that does not exist yet. An article in a folder has been published by its author, unless
 * it says `draft: true`.
 */
export function creationOf(source: Source): NewContent {
  return { ...saidBy(source), type: 'ARTICLE', status: statusOf(source) ?? 'PUBLISHED' }
}

/**
 * With a key made of the reference and all that is said: a repeat finds what it has created, even
 * when the answer was lost and the importing program was started anew.
 */
export function withKey(input: NewContent): NewContent {
  return { ...input, idempotencyKey: `import:${sha256(JSON.stringify(input))}` }
}

/**
 * The content as the file wants it. What the file does not speak of (type, platforms, brand …) stays
 * as it is, the status too: what was archived by hand must not be published by the next import. No
 * key: the text may return to an earlier form within the time a key is remembered.
 */
export function updateOf(source: Source, current: CurrentContent): NewContent {
  const { type, status, scheduledAt, platforms, hashtags, mentions } = current
  return {
    ...saidBy(source),
    type,
    status: statusOf(source) ?? status,
    scheduledAt,
    platforms,
    hashtags,
    mentions,
    brandId: current.brand?.id ?? null,
    campaignSpaceId: current.campaignSpace?.id ?? null,
  }
}

/** Whether the content already says everything that the file says. */
export function isUpToDate(source: Source, current: CurrentContent): boolean {
  const { title, tags, metadata, status, storage } = current
  return (
    storage.checksum === sha256(source.body) &&
    storage.mimeType === 'text/markdown' &&
    title === source.title &&
    status === (statusOf(source) ?? status) &&
    isDeepStrictEqual(tags, source.tags) &&
    isDeepStrictEqual(metadata, source.metadata)
  )
}

function saidBy({ id, title, tags, metadata, body }: Source) {
  return {
    externalRef: { system: externalSystem, id },
    title,
    tags,
    metadata,
    body: { format: 'MARKDOWN', raw: body },
  } as const
}

function statusOf({ draft }: Source): string | undefined {
  if (draft === undefined) return undefined
  return draft ? 'DRAFT' : 'PUBLISHED'
}
