import type { RowData } from '../../platform/zerodb.ts'
import {
  chunksBySize,
  complaintAboutBody,
  complaintAboutHistory,
  type RecordedVersion,
} from '../content/document-complaints.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import { type DocumentTable, findQueued } from '../content/queued-documents.ts'
import type { Invariant, RepairKind, TenantDeps } from './finding.ts'

/** A version that does not look right at first sight. */
export interface Doubt {
  invariant: Invariant
  version: RecordedVersion
  message: string
  repair?: RepairKind
}

type DocumentDeps = Pick<TenantDeps, 'zerodb' | 'reads' | 'tenantId' | 'signal'>

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
