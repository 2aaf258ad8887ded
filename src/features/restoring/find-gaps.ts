import { mapLimit } from '../../lib/map-limit.ts'
import type { RowData } from '../../platform/zerodb.ts'
import {
  chunksBySize,
  complaintAboutBody,
  complaintAboutHistory,
} from '../content/document-complaints.ts'
import { bodyTable, historyTable } from '../content/documents.ts'
import { type DocumentTable, findQueuedIds } from '../content/queued-documents.ts'
import type { WantedVersion } from './list-versions.ts'
import type { RestoreRun } from './restore-run.ts'

/** A document that the target lacks, or has in another form. */
export interface Gap {
  kind: 'body' | 'history'
  version: WantedVersion
  isDamaged: boolean
}

/** Answers of up to 8 MB each. */
const chunksAtOnce = 3

/** Looks at every document of `versions` where it should be. What waits in PostgreSQL is no gap. */
export async function findGaps(
  run: RestoreRun,
  versions: readonly WantedVersion[],
): Promise<Gap[]> {
  const { reads, tenantId } = run
  const ids = versions.flatMap(({ id, documentId }) => [id, documentId])
  // Before ZeroDB: a document leaves the queue after it has come there.
  const queued = await findQueuedIds({ reads, tenantId }, ids)
  const bodies = versions.filter(({ ownsBody, documentId }) => ownsBody && !queued.has(documentId))
  const entries = versions.filter(({ id }) => !queued.has(id))
  const [bodyGaps, historyGaps] = await Promise.all([
    findBodyGaps(run, bodies),
    findHistoryGaps(run, entries),
  ])
  return [...bodyGaps, ...historyGaps]
}

async function findBodyGaps(run: RestoreRun, versions: readonly WantedVersion[]): Promise<Gap[]> {
  const chunks = [...chunksBySize(versions)]
  const gaps = await mapLimit(chunks, chunksAtOnce, async (chunk) => {
    const ids = chunk.map(({ documentId }) => documentId)
    const rows = await readRows(run, bodyTable, ids)
    const complaints = await Promise.all(
      chunk.map((version) => complaintAboutBody(version, rows.get(version.documentId))),
    )
    return chunk.flatMap((version, index): Gap[] =>
      complaints[index] === undefined
        ? []
        : [{ kind: 'body', version, isDamaged: rows.has(version.documentId) }],
    )
  })
  return gaps.flat()
}

async function findHistoryGaps(
  run: RestoreRun,
  versions: readonly WantedVersion[],
): Promise<Gap[]> {
  const ids = versions.map(({ id }) => id)
  const rows = await readRows(run, historyTable, ids)
  return versions.flatMap((version): Gap[] => {
    const row = rows.get(version.id)
    const isWhole = complaintAboutHistory(version, row) === undefined
    return isWhole ? [] : [{ kind: 'history', version, isDamaged: row !== undefined }]
  })
}

async function readRows(
  { target, tables, tenantId, signal }: RestoreRun,
  table: DocumentTable,
  ids: readonly string[],
): Promise<ReadonlyMap<string, RowData>> {
  return tables.has(table) ? target.getRowsByKey(tenantId, table, ids, { signal }) : new Map()
}
