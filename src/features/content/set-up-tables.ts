import type { ZeroDb } from '../../platform/zerodb.ts'
import { bodyTable, historyTable } from './documents.ts'

/**
 * Creates the ZeroDB tables where they are missing and checks on each that filters are honoured: a
 * server that ignores them would answer with everybody's rows. Answers their names. Throws UpstreamError.
 */
export async function setUpTables(zerodb: ZeroDb, signal: AbortSignal): Promise<readonly string[]> {
  const tables = [bodyTable, historyTable]
  for (const table of tables) {
    await zerodb.createTable(table, { signal })
    await zerodb.checkFilter(table, { signal })
  }
  return tables
}
