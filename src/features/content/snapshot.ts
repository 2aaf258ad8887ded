import { isDeepStrictEqual } from 'node:util'
import type { BodyFormat, Content, ContentStatus } from './content.entity.ts'

/** What a version looked like, without the body's text: that is kept once, under `document_id`. */
export interface Snapshot {
  title: string
  status: ContentStatus
  metadata: Record<string, unknown>
  body: { document_id: string; sha256: string; format: BodyFormat; size_bytes: number }
}

/** RFC 6902, the part we write. */
export interface PatchOperation {
  op: 'replace'
  path: string
  value: unknown
}

/** Everything of a content that a version records (E-047). */
export type Snapshotted = Pick<
  Content,
  | 'title'
  | 'status'
  | 'contentType'
  | 'platforms'
  | 'tags'
  | 'hashtags'
  | 'mentions'
  | 'metadata'
  | 'brandId'
  | 'campaignSpaceId'
  | 'zerodbId'
  | 'sha256'
  | 'bodyFormat'
  | 'storageSizeBytes'
  | 'scheduledAt'
  | 'publishedAt'
  | 'unpublishAt'
  | 'deletedAt'
  | 'externalSystem'
  | 'externalId'
>

export function snapshotOf(content: Snapshotted): Snapshot {
  const { zerodbId, sha256, bodyFormat, storageSizeBytes } = content
  return {
    title: content.title,
    status: content.status,
    metadata: {
      content_type: content.contentType,
      brand_id: content.brandId ?? null,
      campaign_space_id: content.campaignSpaceId ?? null,
      platforms: content.platforms,
      tags: content.tags,
      hashtags: content.hashtags,
      mentions: content.mentions,
      scheduled_at: content.scheduledAt?.toISOString() ?? null,
      published_at: content.publishedAt?.toISOString() ?? null,
      unpublish_at: content.unpublishAt?.toISOString() ?? null,
      deleted_at: content.deletedAt?.toISOString() ?? null,
      external_ref: externalRefOf(content),
      custom: content.metadata,
    },
    body: { document_id: zerodbId, sha256, format: bodyFormat, size_bytes: storageSizeBytes },
  }
}

function externalRefOf({ externalSystem, externalId }: Snapshotted) {
  return externalSystem && externalId ? { system: externalSystem, id: externalId } : null
}

/** The changes from one snapshot to the next, a level deep: whole values are replaced. */
export function patchBetween(before: Snapshot, after: Snapshot): PatchOperation[] {
  return [
    ...replacements('', { ...before, metadata: null }, { ...after, metadata: null }),
    ...replacements('/metadata', before.metadata, after.metadata),
  ]
}

function replacements(prefix: string, before: object, after: object): PatchOperation[] {
  const old = new Map<string, unknown>(Object.entries(before))
  return Object.entries(after).flatMap(([key, value]): PatchOperation[] =>
    isSame(old.get(key), value) ? [] : [{ op: 'replace', path: `${prefix}/${key}`, value }],
  )
}

function isSame(before: unknown, after: unknown): boolean {
  const [left, right] = [JSON.stringify(before), JSON.stringify(after)]
  // What comes from a jsonb column has its keys in another order than what a caller sends.
  return left === right || isDeepStrictEqual(JSON.parse(left), JSON.parse(right))
}

/** What people call a field, where that is not its name here. */
const otherNames = new Map([
  ['custom', 'metadata'],
  ['content_type', 'type'],
  ['brand_id', 'brand'],
  ['campaign_space_id', 'campaign space'],
])

/** One line for people, e.g. "Changed title, body." */
export function summarize(patch: readonly PatchOperation[]): string {
  const names = patch.map(({ path }) => {
    const name = path.split('/').at(-1) ?? ''
    return otherNames.get(name) ?? name.replaceAll('_', ' ')
  })
  return names.length === 0 ? 'Changed nothing.' : `Changed ${names.join(', ')}.`
}
