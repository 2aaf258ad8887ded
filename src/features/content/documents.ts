import { z } from 'zod'
import { UpstreamError } from '../../lib/errors.ts'
import type { NewRow, RowData } from '../../platform/zerodb.ts'
import { patchBetween, type Snapshot, snapshotOf, type Snapshotted, summarize } from './snapshot.ts'
import { bodyFormats, type Content, contentStatuses } from './content.entity.ts'
import type { ChangeType } from './content-version.entity.ts'

/** ZeroDB tables: one immutable row per body version, one per history entry (E-040, E-047). */
export const bodyTable = 'content_items'
export const historyTable = 'content_versions'

export type DocumentedContent = Snapshotted &
  Pick<Content, 'id' | 'version' | 'userId' | 'versionOf'>

/** The row that keeps a body for ever: E-040 to E-044, with our own key in `id`. */
export function bodyRow(
  content: DocumentedContent,
  body: Pick<NewRow, 'content_body' | 'storage_metadata'> & { ai_generation_metadata?: object },
  now: Date,
): NewRow {
  const { metadata } = snapshotOf(content)
  return {
    id: content.zerodbId,
    content_id: content.id,
    brand_id: content.brandId ?? null,
    campaign_space_id: content.campaignSpaceId ?? null,
    user_id: content.userId ?? null,
    title: content.title,
    content_type: content.contentType,
    status: content.status,
    metadata,
    ...body,
    sha256: content.sha256,
    version: content.version,
    version_of: content.versionOf ?? null,
    created_at: now.toISOString(),
    updated_at: now.toISOString(),
    deleted_at: null,
  }
}

/** The heavy half of a version: snapshot, summary and the patch from the one before. */
export function historyRow(
  id: string,
  before: Snapshotted | null,
  after: DocumentedContent,
  change: { type: ChangeType; summary: string | null; userId: string | null; at: Date },
): NewRow {
  const snapshot: Snapshot = snapshotOf(after)
  const patch = before ? patchBetween(snapshotOf(before), snapshot) : null
  return {
    id,
    content_id: after.id,
    version_number: after.version,
    changed_by_user_id: change.userId,
    change_type: change.type,
    content_snapshot: snapshot,
    changes_summary: change.summary ?? (patch ? summarize(patch) : 'Created.'),
    diff_from_previous: patch,
    created_at: change.at.toISOString(),
  }
}

/** A history entry read back. */
export interface HistoryEntry {
  snapshot: Snapshot
  summary: string | null
  diff: unknown
}

const storedHistory = z.object({
  content_snapshot: z.object({
    title: z.string(),
    status: z.enum(contentStatuses),
    metadata: z.record(z.string(), z.unknown()),
    body: z.object({
      document_id: z.string(),
      sha256: z.string(),
      format: z.enum(bodyFormats),
      size_bytes: z.number(),
    }),
  }),
  changes_summary: z.string().nullable(),
  diff_from_previous: z.array(z.unknown()).nullable(),
})

/** Throws UpstreamError when the row is not what `historyRow` makes. */
export function readHistoryRow(row: RowData): HistoryEntry {
  const parsed = storedHistory.safeParse(row)
  if (!parsed.success) {
    const message = `the history entry ${String(row['id'])} is not one of ours`
    throw new UpstreamError('ZeroDB', 'malformed', message, { cause: parsed.error })
  }
  const { content_snapshot, changes_summary, diff_from_previous } = parsed.data
  return { snapshot: content_snapshot, summary: changes_summary, diff: diff_from_previous }
}
