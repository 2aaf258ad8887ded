import type { RowData } from '../../platform/zerodb.ts'
import type { SnapshotRow } from '../../platform/recovery-copy/snapshot-tables.ts'
import { readHistoryRow } from '../content/documents.ts'

/** What PostgreSQL knows of a version that is to be copied. */
export interface CopiedVersion {
  tenantId: string
  /** Also the history entry's. */
  versionId: string
  contentId: string
  versionNumber: number
  isDeletion: boolean
  documentId: string
  sha256: string
  sizeBytes: number
  createdAt: Date
  userId: string | null
  versionOf: string | null
  contentCreatedAt: Date
}

/**
 * The row of one version, complete in itself: its body as ZeroDB keeps it and its whole history entry.
 * Throws UpstreamError when the entry is not one of ours.
 */
export function snapshotRow(
  version: CopiedVersion,
  body: RowData,
  history: RowData,
  { batchId, now }: { batchId: string; now: Date },
): SnapshotRow {
  const { snapshot } = readHistoryRow(history)
  const { metadata } = snapshot
  const textOf = (value: unknown) => (typeof value === 'string' ? value : null)
  const objectOf = (value: unknown) => (typeof value === 'object' ? value : null)
  return {
    content_id: version.contentId,
    snapshot_id: version.versionId,
    tenant_id: version.tenantId,
    brand_id: textOf(metadata['brand_id']),
    campaign_space_id: textOf(metadata['campaign_space_id']),
    user_id: version.userId,
    title: snapshot.title,
    content_body: textOf(body['content_body']),
    content_type: textOf(metadata['content_type']),
    status: snapshot.status,
    metadata,
    ai_generation_metadata: objectOf(body['ai_generation_metadata']),
    storage_metadata: objectOf(body['storage_metadata']),
    version: version.versionNumber,
    version_of: version.versionOf,
    snapshot_timestamp: version.createdAt.toISOString(),
    content_created_at: version.contentCreatedAt.toISOString(),
    content_updated_at: version.createdAt.toISOString(),
    ingested_at: now.toISOString(),
    source_system: 'zerodb',
    operation: version.isDeletion ? 'delete' : 'upsert',
    document_id: version.documentId,
    sha256: version.sha256,
    history,
    batch_id: batchId,
  }
}

/** What is left of a content that was purged. */
export interface CopiedPurge {
  tenantId: string
  eventId: string
  contentId: string
  lastVersion: number
  purgedAt: Date
}

/** Says that nothing of the content may come back, whatever an older PostgreSQL believes. */
export function purgeRow(
  { tenantId, eventId, contentId, lastVersion, purgedAt }: CopiedPurge,
  { batchId, now }: { batchId: string; now: Date },
): SnapshotRow {
  return {
    content_id: contentId,
    snapshot_id: eventId,
    tenant_id: tenantId,
    brand_id: null,
    campaign_space_id: null,
    user_id: null,
    title: null,
    content_body: null,
    content_type: null,
    status: null,
    metadata: null,
    ai_generation_metadata: null,
    storage_metadata: null,
    version: lastVersion,
    version_of: null,
    snapshot_timestamp: purgedAt.toISOString(),
    content_created_at: null,
    content_updated_at: null,
    ingested_at: now.toISOString(),
    source_system: 'zerodb',
    operation: 'purge',
    document_id: null,
    sha256: null,
    history: null,
    batch_id: batchId,
  }
}
