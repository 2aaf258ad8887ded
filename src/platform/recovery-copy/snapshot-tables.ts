import type { TableDefinition } from '../bigquery/tables.ts'

/** What a row of the copy tells: how a version was, or that its content was purged. */
export type SnapshotOperation = 'upsert' | 'delete' | 'purge'

/**
 * A row per version, complete in itself (E-060): body, metadata and history entry, so that one row
 * brings a version back. The last five columns are ours.
 */
export const snapshotTable: TableDefinition = {
  name: 'content_snapshots',
  description: 'Every version of every content, for recovery and analytics; one row each.',
  columns: [
    { name: 'content_id', type: 'STRING', required: true },
    { name: 'snapshot_id', type: 'STRING', required: true },
    { name: 'tenant_id', type: 'STRING', required: true },
    { name: 'brand_id', type: 'STRING' },
    { name: 'campaign_space_id', type: 'STRING' },
    { name: 'user_id', type: 'STRING' },
    { name: 'title', type: 'STRING' },
    { name: 'content_body', type: 'STRING' },
    { name: 'content_type', type: 'STRING' },
    { name: 'status', type: 'STRING' },
    { name: 'metadata', type: 'JSON' },
    { name: 'ai_generation_metadata', type: 'JSON' },
    { name: 'storage_metadata', type: 'JSON' },
    { name: 'version', type: 'INT64', required: true },
    { name: 'version_of', type: 'STRING' },
    { name: 'snapshot_timestamp', type: 'TIMESTAMP', required: true },
    { name: 'content_created_at', type: 'TIMESTAMP' },
    { name: 'content_updated_at', type: 'TIMESTAMP' },
    { name: 'ingested_at', type: 'TIMESTAMP', required: true },
    { name: 'source_system', type: 'STRING' },
    { name: 'operation', type: 'STRING', required: true },
    { name: 'document_id', type: 'STRING' },
    { name: 'sha256', type: 'STRING' },
    { name: 'history', type: 'JSON' },
    { name: 'batch_id', type: 'STRING', required: true },
  ],
  partitionColumn: 'snapshot_timestamp',
  clustering: ['tenant_id', 'brand_id', 'content_type'],
}

/** One row, as it is loaded: JSON columns are objects, times ISO 8601. */
export interface SnapshotRow {
  content_id: string
  /** The version's id; of a purge, its event's. */
  snapshot_id: string
  tenant_id: string
  brand_id: string | null
  campaign_space_id: string | null
  user_id: string | null
  title: string | null
  /** As ZeroDB keeps it; `storage_metadata` says how it is packed. Null in the row of a purge. */
  content_body: string | null
  content_type: string | null
  status: string | null
  metadata: object | null
  ai_generation_metadata: object | null
  storage_metadata: object | null
  version: number
  version_of: string | null
  /** When the version was written; PostgreSQL has the same time in `content_versions.created_at`. */
  snapshot_timestamp: string
  content_created_at: string | null
  content_updated_at: string | null
  ingested_at: string
  source_system: 'zerodb'
  operation: SnapshotOperation
  document_id: string | null
  /** Of the unpacked body in UTF-8. */
  sha256: string | null
  /** The whole history entry of ZeroDB. */
  history: object | null
  batch_id: string
}

/** Media files (E-061); nothing writes it while contents have no media records. */
export const mediaSnapshotTable: TableDefinition = {
  name: 'content_media_snapshots',
  description: 'Every media record, for recovery.',
  columns: [
    { name: 'media_id', type: 'STRING', required: true },
    { name: 'snapshot_id', type: 'STRING', required: true },
    { name: 'tenant_id', type: 'STRING', required: true },
    { name: 'brand_id', type: 'STRING' },
    { name: 'content_id', type: 'STRING' },
    { name: 'file_name', type: 'STRING' },
    { name: 'file_type', type: 'STRING' },
    { name: 'mime_type', type: 'STRING' },
    { name: 'file_size_bytes', type: 'INT64' },
    { name: 'storage_provider', type: 'STRING' },
    { name: 'storage_path', type: 'STRING' },
    { name: 'public_url', type: 'STRING' },
    { name: 'media_metadata', type: 'JSON' },
    { name: 'snapshot_timestamp', type: 'TIMESTAMP', required: true },
    { name: 'media_created_at', type: 'TIMESTAMP' },
    { name: 'media_updated_at', type: 'TIMESTAMP' },
    { name: 'ingested_at', type: 'TIMESTAMP', required: true },
  ],
  partitionColumn: 'snapshot_timestamp',
  clustering: ['tenant_id', 'brand_id', 'file_type'],
}
