import { decodeBody } from '../../platform/document-store.ts'
import { keysPerQuery, type RowData } from '../../platform/zerodb.ts'
import { bodyTable, historyTable, readHistoryRow } from '../content/documents.ts'
import { type DocumentTable, findQueued } from '../content/queued-documents.ts'
import type { Invariant, RepairKind, TenantDeps } from './finding.ts'

/** What PostgreSQL records of a version and its documents. */
export interface RecordedVersion {
  id: string
  contentId: string
  versionNumber: number
  documentId: string
  sha256: string
  sizeBytes: number
}

/** A version that does not look right at first sight. */
export interface Doubt {
  invariant: Invariant
  version: RecordedVersion
  message: string
  repair?: RepairKind
}

type DocumentDeps = Pick<TenantDeps, 'zerodb' | 'reads' | 'tenantId' | 'signal'>

/** Bodies asked for in one request: an answer that is too large would be refused. */
const bytesPerRequest = 8 * 1024 ** 2

/** Reads each body from where it is, past every cache, unpacks it and compares its checksum. */
export async function checkBodies(
  deps: DocumentDeps,
  versions: readonly RecordedVersion[],
): Promise<Doubt[]> {
  const doubts: Doubt[] = []
  for (const chunk of chunksBySize(versions)) {
    const ids = chunk.map(({ documentId }) => documentId)
    const rows = await readStored(deps, bodyTable, ids)
    for (const version of chunk) {
      const complaint = await complaintAboutBody(version, rows.get(version.documentId))
      if (!complaint) continue
      const message = `its body document ${version.documentId} ${complaint}`
      doubts.push({ invariant: 'I1', version, message })
    }
  }
  return doubts
}

/** From ZeroDB, and what is not there from the queue: it counts as stored. */
async function readStored(
  { zerodb, reads, tenantId, signal }: DocumentDeps,
  table: DocumentTable,
  ids: readonly string[],
): Promise<Map<string, RowData>> {
  const stored = await zerodb.getRowsByKey(tenantId, table, ids, { signal })
  const missing = ids.filter((id) => !stored.has(id))
  if (missing.length === 0) return stored
  return new Map([...stored, ...(await findQueued({ reads, tenantId }, table, missing))])
}

function* chunksBySize(versions: readonly RecordedVersion[]): Iterable<RecordedVersion[]> {
  let chunk: RecordedVersion[] = []
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

async function complaintAboutBody(
  version: RecordedVersion,
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

/** Each version's history entry bears its id and tells of the same content, number and body. */
export async function checkHistory(
  deps: DocumentDeps,
  versions: readonly RecordedVersion[],
): Promise<Doubt[]> {
  const ids = versions.map(({ id }) => id)
  const rows = await readStored(deps, historyTable, ids)
  return versions.flatMap((version): Doubt[] => {
    const complaint = complaintAboutHistory(version, rows.get(version.id))
    return complaint
      ? [{ invariant: 'I1', version, message: `its history entry ${complaint}` }]
      : []
  })
}

function complaintAboutHistory(
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
