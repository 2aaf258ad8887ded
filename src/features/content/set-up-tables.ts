import type { ZeroDb } from '../../platform/zerodb.ts'
import { bodyTable, historyTable } from './documents.ts'

/**
 * Creates the ZeroDB tables where they are missing and checks on each that filters are honoured: a
 * server that ignores them would answer with everybody's rows. Throws UpstreamError.
 */
export async function setUpTables(zerodb: ZeroDb, signal: AbortSignal): Promise<void> {
  for (const table of [bodyTable, historyTable]) {
    await zerodb.createTable(table, { signal })
    await zerodb.checkFilter(table, { signal })
  }
}
