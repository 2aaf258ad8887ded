import { sha256, utf8Size } from '../../lib/bytes.ts'
import { newId } from '../../lib/id.ts'
import { JsonText } from '../../lib/json-text.ts'
import type { Viewer } from '../../lib/viewer.ts'
import { encodeBody, type StoredDocument } from '../../platform/document-store.ts'
import type { NewRow } from '../../platform/zerodb.ts'
import { mimeTypeOf, previewOf } from '../content/body-text.ts'
import type { BodyColumns, BodyText, ContentChange } from './content-change.ts'
import type { BodyFormat, Content, ContentStatus } from '../content/content.entity.ts'
import { bodyRow, historyRow } from '../content/documents.ts'
import type { OnUnavailable } from './write.ts'

/** A content as it will be; the database adds its own timestamps. */
export type NextContent = Omit<Content, 'createdAt' | 'updatedAt'>

/** The call that asks for a write. */
export interface WriteCall {
  /** The mutation: it scopes the idempotency key, and the audit names it. */
  operation: string
  idempotencyKey: string | null
  /** Tells a repeat of the same call from another call under the same key. */
  inputHash: string
  /** Where its input stands in the call, e.g. `['inputs', '2']`. */
  path: readonly string[]
  /** The version the caller has seen; null writes over whatever is there. */
  expectedVersion: number | null
  onUnavailable: OnUnavailable
}

/** What identifies a call's input, whatever the content looks like when it comes. */
export function hashInput(...input: readonly unknown[]): string {
  return sha256(JSON.stringify(input))
}

/** A write decided on: all it will store, and nothing stored yet. */
export interface PlannedWrite {
  call: WriteCall
  change: ContentChange
  /** The row this write replaces; null when it creates one. */
  previous: Content | null
  next: NextContent
  intentId: string
  /** The version row, and its history entry in ZeroDB. */
  historyId: string
  history: NewRow
  /** The new body and its document; null when the body stays as it is. */
  body: { row: NewRow; document: StoredDocument } | null
  /** What the quota counts, more or less of it: bytes and contents. */
  growth: number
  items: number
}

/** Plans the first version of a content, or with `previous` the next one. */
export async function planWrite(
  viewer: Viewer,
  call: WriteCall,
  change: ContentChange,
  previous: Content | null,
): Promise<PlannedWrite> {
  const now = new Date()
  // Chosen before anything is awaited: the contents of a batch sort in the order they were given.
  const id = previous?.id ?? change.contentId ?? newId()
  const { columns, body } = await nextBody(change.body, previous)
  const before: StandingFields = previous ?? newContent(viewer)
  const status = change.set.status ?? before.status
  const next: NextContent = {
    ...before,
    ...change.set,
    ...columns,
    tenantId: viewer.tenantId,
    id,
    publishedAt: publishedAt(status, previous, now),
    unpublishAt: unpublishAt(status, change, previous),
    deletedAt: deletedAt(change, previous, now),
    version: (previous?.version ?? 0) + 1,
  }
  const historyId = newId()
  const { type, summary } = change
  const record = { type, summary: summary ?? null, userId: viewer.userId, at: now }
  return {
    call,
    change,
    previous,
    next,
    intentId: newId(),
    historyId,
    history: historyRow(historyId, previous, next, record),
    body: body && {
      row: bodyRow(next, { ...body.encoded, ...generationOf(change) }, now),
      document: body.document,
    },
    growth: countedBytes(next) - countedBytes(previous),
    items: countedItems(next) - countedItems(previous),
  }
}

function generationOf({ generation }: ContentChange): { ai_generation_metadata?: object } {
  return generation ? { ai_generation_metadata: generation } : {}
}

/** What stays as it is unless a change sets it. */
type StandingFields = Omit<
  NextContent,
  'tenantId' | 'id' | 'publishedAt' | 'deletedAt' | 'version' | keyof BodyColumns
>

/** What a new content is before anything is said about it. */
function newContent({ userId }: Viewer): StandingFields {
  return {
    userId,
    brandId: null,
    campaignSpaceId: null,
    title: '',
    contentType: 'post',
    status: 'draft',
    platforms: [],
    tags: [],
    hashtags: [],
    mentions: [],
    mediaUrls: [],
    metadata: {},
    scheduledAt: null,
    unpublishAt: null,
    externalSystem: null,
    externalId: null,
    versionOf: null,
  }
}

/** Since when it is public; what was archived keeps the date, what went back to work loses it. */
function publishedAt(status: ContentStatus, previous: Content | null, now: Date): Date | null {
  const before = previous?.publishedAt ?? null
  if (status === 'published') return before ?? now
  return status === 'archived' ? before : null
}

/** Until when it is public, or will be; what is not public has no end. */
function unpublishAt(status: ContentStatus, { set }: ContentChange, previous: Content | null) {
  if (status !== 'published' && status !== 'scheduled') return null
  return (set.unpublishAt === undefined ? previous?.unpublishAt : set.unpublishAt) ?? null
}

function deletedAt({ deleted }: ContentChange, previous: Content | null, now: Date): Date | null {
  if (deleted === undefined) return previous?.deletedAt ?? null
  return deleted ? (previous?.deletedAt ?? now) : null
}

/** The trash is not counted: what is deleted gives its bytes back at once (E-087). */
function countedBytes(content: NextContent | null): number {
  return content && !content.deletedAt ? content.storageSizeBytes : 0
}

function countedItems(content: NextContent | null): number {
  return content && !content.deletedAt ? 1 : 0
}

/** What the row says about the body, and the body itself unless it is one already stored. */
async function nextBody(change: ContentChange['body'], previous: Content | null) {
  if (change && 'zerodbId' in change) return { columns: change, body: null }
  if (!change) {
    if (!previous) throw new TypeError('A new content needs a body')
    return { columns: bodyColumns(previous), body: null }
  }
  const hash = sha256(change.raw)
  if (previous?.sha256 === hash && previous.bodyFormat === change.format) {
    return { columns: bodyColumns(previous), body: null }
  }
  return newBody(change, hash)
}

async function newBody({ format, raw }: BodyText, hash: string) {
  const encoded = await encodeBody(raw, mimeTypeOf(format))
  const { mime_type, compressed_size_bytes, encoding } = encoded.storage_metadata
  const document: StoredDocument = {
    id: newId(),
    sha256: hash,
    raw: new JsonText(raw),
    mimeType: mime_type,
    sizeBytes: utf8Size(raw),
    compressedSizeBytes: compressed_size_bytes,
    encoding,
  }
  return { columns: columnsOf(document, format), body: { encoded, document } }
}

function bodyColumns(content: Content): BodyColumns {
  const { zerodbId, sha256, bodyFormat, storageSizeBytes, compressedSizeBytes } = content
  const { bodyEncoding, preview } = content
  return {
    zerodbId,
    sha256,
    bodyFormat,
    storageSizeBytes,
    compressedSizeBytes,
    bodyEncoding,
    preview,
  }
}

/** What a content says about a body that is this document. */
export function columnsOf(document: StoredDocument, format: BodyFormat): BodyColumns {
  const { id, sha256, raw, sizeBytes, compressedSizeBytes, encoding } = document
  return {
    zerodbId: id,
    sha256,
    bodyFormat: format,
    storageSizeBytes: sizeBytes,
    compressedSizeBytes: encoding === 'utf-8' ? null : compressedSizeBytes,
    bodyEncoding: encoding,
    preview: previewOf(format, raw.text),
  }
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
