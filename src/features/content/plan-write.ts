import { sha256, utf8Size } from '../../lib/bytes.ts'
import { newId } from '../../lib/id.ts'
import type { Viewer } from '../../lib/viewer.ts'
import { encodeBody, type StoredDocument } from '../../platform/document-store.ts'
import type { NewRow } from '../../platform/zerodb.ts'
import { mimeTypeOf, previewOf } from './body-text.ts'
import type { Content, ContentStatus } from './content.entity.ts'
import type { ValidContentInput } from './content-input.ts'
import type { ChangeType } from './content-version.entity.ts'
import { bodyRow, historyRow } from './documents.ts'

/** A content as it will be; the database adds its own timestamps. */
export type NextContent = Omit<Content, 'createdAt' | 'updatedAt' | 'deletedAt'>

/** A write decided on: all it will store, and nothing stored yet. */
export interface PlannedWrite {
  /** The name that scopes the idempotency key: a key belongs to one mutation. */
  operation: string
  idempotencyKey: string | null
  /** Where its input stands in the call, e.g. `['inputs', '2']`. */
  path: readonly string[]
  /** Tells a repeat of the same call from another call under the same key. */
  inputHash: string
  changeType: ChangeType
  /** The row this write replaces; null when it creates one. */
  previous: Content | null
  next: NextContent
  intentId: string
  /** The version row, and its history entry in ZeroDB. */
  historyId: string
  history: NewRow
  /** The new body and its document; null when the body stays as it is. */
  body: { row: NewRow; document: StoredDocument } | null
  /** Change of the bytes the quota counts; negative when the body shrinks. */
  growth: number
}

/** The call that asks for a write. */
export interface WriteCall {
  operation: string
  input: ValidContentInput
  /** The content the caller names, where the input does not name it. */
  target?: string | undefined
  path?: readonly string[]
}

/** Plans the first version of a content, or with `previous` the next one. */
export async function planWrite(
  viewer: Viewer,
  { operation, input, target, path = ['input'] }: WriteCall,
  previous: Content | null,
): Promise<PlannedWrite> {
  const now = new Date()
  // Chosen before anything is awaited: the contents of a batch sort in the order they were given.
  const id = previous?.id ?? newId()
  const { body, next } = await nextContent(viewer, id, input, previous, now)
  const changeType = previous ? 'update' : 'create'
  const historyId = newId()
  const change = { type: changeType, userId: viewer.userId, at: now } as const
  return {
    operation,
    idempotencyKey: input.idempotencyKey,
    path,
    inputHash: sha256(JSON.stringify([target, input])),
    changeType,
    previous,
    next,
    intentId: newId(),
    historyId,
    history: historyRow(historyId, previous, next, change),
    body: body && { row: bodyRow(next, body.encoded, now), document: body.document },
    growth: next.storageSizeBytes - (previous?.storageSizeBytes ?? 0),
  }
}

async function nextContent(
  viewer: Viewer,
  id: string,
  input: ValidContentInput,
  previous: Content | null,
  now: Date,
) {
  const stored = await nextBody(input, previous)
  const next: NextContent = {
    tenantId: viewer.tenantId,
    id,
    brandId: input.brandId,
    campaignSpaceId: input.campaignSpaceId,
    userId: previous ? previous.userId : viewer.userId,
    title: input.title,
    contentType: input.type,
    status: input.status,
    platforms: [...input.platforms],
    tags: [...input.tags],
    hashtags: [...input.hashtags],
    mentions: [...input.mentions],
    mediaUrls: previous?.mediaUrls ?? [],
    metadata: input.metadata,
    scheduledAt: input.scheduledAt,
    publishedAt: publishedAt(input.status, previous, now),
    externalSystem: input.externalRef?.system ?? previous?.externalSystem ?? null,
    externalId: input.externalRef?.id ?? previous?.externalId ?? null,
    version: (previous?.version ?? 0) + 1,
    versionOf: previous?.versionOf ?? null,
    ...stored.columns,
  }
  return { next, body: stored.body }
}

/** Since when it is public; what was archived keeps the date, what went back to work loses it. */
function publishedAt(status: ContentStatus, previous: Content | null, now: Date): Date | null {
  const before = previous?.publishedAt ?? null
  if (status === 'published') return before ?? now
  return status === 'archived' ? before : null
}

/** What the row says about the body, and the body itself unless it is the one already stored. */
async function nextBody({ body: { format, raw } }: ValidContentInput, previous: Content | null) {
  const hash = sha256(raw)
  if (previous?.sha256 === hash && previous.bodyFormat === format) {
    const { zerodbId, storageSizeBytes, compressedSizeBytes, bodyEncoding, preview } = previous
    const kept = { zerodbId, storageSizeBytes, compressedSizeBytes, bodyEncoding, preview }
    return { columns: { ...kept, sha256: hash, bodyFormat: format }, body: null }
  }
  const encoded = await encodeBody(raw, mimeTypeOf(format))
  const { mime_type, compressed_size_bytes, encoding } = encoded.storage_metadata
  const id = newId()
  const sizeBytes = utf8Size(raw)
  const document: StoredDocument = {
    id,
    sha256: hash,
    raw,
    mimeType: mime_type,
    sizeBytes,
    compressedSizeBytes: compressed_size_bytes,
    encoding,
  }
  const columns = {
    zerodbId: id,
    storageSizeBytes: sizeBytes,
    compressedSizeBytes: encoding === 'utf-8' ? null : compressed_size_bytes,
    bodyEncoding: encoding,
    preview: previewOf(format, raw),
    sha256: hash,
    bodyFormat: format,
  }
  return { columns, body: { encoded, document } }
}

/** What a write takes from the quota before it stores anything. */
export function reservedBytes({ growth }: PlannedWrite): number {
  return Math.max(0, growth)
}

/** Whether a planned update would leave everything as it is. */
export function changesNothing(write: PlannedWrite): boolean {
  const patch = write.history['diff_from_previous']
  return Array.isArray(patch) && patch.length === 0
}
