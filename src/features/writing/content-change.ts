import type { Content, BodyFormat } from '../content/content.entity.ts'
import type { ChangeType } from '../content/content-version.entity.ts'

export interface BodyText {
  format: BodyFormat
  raw: string
}

/** What callers set of a content, besides its body. */
export type SettableFields = Pick<
  Content,
  | 'brandId'
  | 'campaignSpaceId'
  | 'title'
  | 'contentType'
  | 'status'
  | 'platforms'
  | 'tags'
  | 'hashtags'
  | 'mentions'
  | 'metadata'
  | 'scheduledAt'
  | 'unpublishAt'
  | 'externalSystem'
  | 'externalId'
>

/** What the row of a content says about its body. */
export type BodyColumns = Pick<
  Content,
  | 'zerodbId'
  | 'sha256'
  | 'bodyFormat'
  | 'storageSizeBytes'
  | 'compressedSizeBytes'
  | 'bodyEncoding'
  | 'preview'
>

/** What a new version does to a content; what it does not name stays as it is. */
export interface ContentChange {
  type: ChangeType
  set: Partial<SettableFields>
  /** A new text, or what the row says about a body that is stored already. */
  body?: BodyText | BodyColumns
  /** Into the trash, or out of it. */
  deleted?: boolean
  /** One line for people; derived from the patch when absent. */
  summary?: string | null
  /** The version this one repeats: it must not have expired when the change is committed. */
  restoredFrom?: number
  /** For a new content whose creation may be repeated by whoever chose its id. */
  contentId?: string
  /** How the body was generated, for its document (E-042). */
  generation?: GenerationRecord
}

/** `ai_generation_metadata` of a body document (E-042). */
export interface GenerationRecord {
  model: string
  prompt: string
  generation_id: string | null
  temperature: number | null
  max_tokens: number | null
  cost_usd: string
}
