import { decodeBody } from '../../platform/document-store.ts'
import { keysPerQuery, type RowData } from '../../platform/zerodb.ts'
import { readHistoryRow } from './documents.ts'

/** What PostgreSQL records of a version and its documents. */
export interface RecordedVersion {
  id: string
  contentId: string
  versionNumber: number
  documentId: string
  sha256: string
  sizeBytes: number
}

/** What is wrong with a body document; undefined when it is the one that was stored. */
export async function complaintAboutBody(
  version: Pick<RecordedVersion, 'documentId' | 'sha256' | 'sizeBytes'>,
  row: RowData | undefined,
): Promise<string | undefined> {
  if (!row) return 'is missing'
  try {
    const { sha256, sizeBytes } = await decodeBody(version.documentId, row)
    if (sizeBytes !== version.sizeBytes) return `has ${sizeBytes} bytes, not ${version.sizeBytes}`
    return sha256 === version.sha256 ? undefined : `has the SHA-256 ${sha256}`
  } catch (error) {
    return `cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** The same of a history entry: it must tell of the same content, number and body. */
export function complaintAboutHistory(
  { contentId, versionNumber, documentId, sha256 }: RecordedVersion,
  row: RowData | undefined,
): string | undefined {
  if (!row) return 'is missing'
  if (row['content_id'] !== contentId || row['version_number'] !== versionNumber) {
    return `is of version ${String(row['version_number'])} of content ${String(row['content_id'])}`
  }
  try {
    const { body } = readHistoryRow(row).snapshot
    if (body.document_id === documentId && body.sha256 === sha256) return undefined
    return `tells of the body ${body.document_id} with the SHA-256 ${body.sha256}`
  } catch {
    return 'cannot be read'
  }
}

/** Bodies asked for in one request: an answer that is too large would be refused. */
const bytesPerRequest = 8 * 1024 ** 2

/** Cut so that ZeroDB answers the bodies of each chunk in one go. */
export function* chunksBySize<V extends Pick<RecordedVersion, 'sizeBytes'>>(
  versions: readonly V[],
): Iterable<V[]> {
  let chunk: V[] = []
  let bytes = 0
  for (const version of versions) {
    const isFull = chunk.length === keysPerQuery || bytes + version.sizeBytes > bytesPerRequest
    if (isFull && chunk.length > 0) {
      yield chunk
      chunk = []
      bytes = 0
    }
    chunk.push(version)
    bytes += version.sizeBytes
  }
  if (chunk.length > 0) yield chunk
}
