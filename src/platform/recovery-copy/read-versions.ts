import { UpstreamError } from '../../lib/errors.ts'
import type { BigQuery } from '../bigquery.ts'
import type { QueryCall } from '../bigquery/queries.ts'
import { daysOf } from '../bigquery/days.ts'
import { decodeBody, type StoredDocument } from '../document-store/body.ts'
import type { RowData } from '../zerodb.ts'
import { type VersionRow, versionQuery } from './version-query.ts'

export const neighbour = 'recovery copy'

/** Which version, and what PostgreSQL knows its body by. */
export interface CopyRef {
  versionId: string
  documentId: string
  sha256: string
  /** Of the body in UTF-8; queries are cut by what they bring back. */
  sizeBytes: number
  /** When the version was written: the day it lies under in the copy. */
  at: Date
}

/** A version as the copy has it. */
export interface CopiedVersion {
  document: StoredDocument
  /** Its history entry, as ZeroDB keeps it. */
  history: RowData | null
}

export type VersionRows = ReadonlyMap<string, VersionRow>

/** One query for all of them. Throws UpstreamError, `malformed` when it brings what nobody asked for. */
export async function readVersions(
  bigquery: Pick<BigQuery, 'query'>,
  tenantId: string,
  refs: readonly CopyRef[],
  call: QueryCall,
): Promise<VersionRows> {
  const ids = refs.map(({ versionId }) => versionId)
  const scope = { tenantId, ...daysOf(refs.map(({ at }) => at)) }
  const { rows } = await bigquery.query(versionQuery, scope, { ids }, call).catch(asOwn)
  const asked = new Set(ids)
  // One strange row and none of it is trusted.
  if (!rows.every((row) => row.tenant_id === tenantId && asked.has(row.snapshot_id))) {
    throw malformed(`answered tenant ${tenantId} with a row that was not asked for`)
  }
  return new Map(rows.map((row) => [row.snapshot_id, row]))
}

/** By the checksum of PostgreSQL, as whatever comes from ZeroDB. Throws UpstreamError, `malformed`. */
export async function verifyVersion(ref: CopyRef, row: VersionRow): Promise<CopiedVersion> {
  try {
    const document = await decodeBody(ref.documentId, {
      content_body: row.content_body,
      storage_metadata: parse(row.storage_metadata),
    })
    if (document.sha256 !== ref.sha256) throw new Error('has another SHA-256')
    return { document, history: parse(row.history) }
  } catch (error) {
    throw malformed(`version ${ref.versionId} is not the one that was stored`, error)
  }
}

function parse(json: string | null): RowData | null {
  return json === null ? null : (JSON.parse(json) as RowData)
}

/** Whose failure it is tells what there is to do about it: the copy's, whatever keeps it. */
function asOwn(error: unknown): never {
  if (!(error instanceof UpstreamError)) throw error
  const { failure, message, retryAfterMs } = error
  throw new UpstreamError(neighbour, failure, message, {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    cause: error,
  })
}

function malformed(message: string, cause?: unknown): UpstreamError {
  return new UpstreamError(neighbour, 'malformed', message, { cause })
}
