import { UpstreamError } from '../../lib/errors.ts'
import { mapLimit } from '../../lib/map-limit.ts'
import { malformed, readCount, readRow, type RowData } from './answers.ts'
import { chunk, chunksAtOnce, countDown, keysPerQuery } from './client.ts'
import type { Client, ZeroDbCall } from './client.ts'
import type { RowReader } from './read-rows.ts'

/** A row as we write it: `id` is our own key, and the client adds `tenant_id`. */
export type NewRow = RowData & { readonly id: string }

export interface RowWriter {
  /**
   * Inserts a row that nobody else inserts. When the outcome is unknown it looks for our key and
   * inserts again only if it is absent; an error with `mayHaveApplied` means that it could not find
   * out. An insert that arrives late may leave two rows of one key: readers all choose the older.
   */
  insertRow(tenantId: string, table: string, row: NewRow, call?: ZeroDbCall): Promise<void>
  /** Sets fields of the rows with these keys, the others stay. Returns how many rows matched. */
  setRows(
    tenantId: string,
    table: string,
    ids: readonly string[],
    fields: RowData,
    call?: ZeroDbCall,
  ): Promise<number>
  /** Deletes the rows with these keys and returns how many there were; none is a success too. */
  deleteRowsByKey(
    tenantId: string,
    table: string,
    ids: readonly string[],
    call?: ZeroDbCall,
  ): Promise<number>
}

export function createRowWriter(
  client: Client,
  reader: Pick<RowReader, 'getRowsByKey'>,
): RowWriter {
  const insert = async (path: string, rowData: RowData, call: ZeroDbCall) => {
    const body = { row_data: rowData }
    confirmRow(await client.send({ method: 'POST', path, body, effect: 'once', ...call }))
  }

  const inBulk = async (
    request: { method: 'PUT' | 'DELETE'; tenantId: string; table: string; update?: RowData },
    ids: readonly string[],
    call: ZeroDbCall,
    count: (answer: unknown) => number,
  ) => {
    const { method, tenantId, table, ...rest } = request
    const path = `${client.pathOf(table)}/rows/bulk`
    const left = countDown(call)
    const counts = await mapLimit(chunk(ids, keysPerQuery), chunksAtOnce, async (keys) => {
      const filter = { id: { $in: keys }, tenant_id: tenantId }
      // One key may have several rows, so even a chunk can pass the limit that asks to be confirmed.
      const body = { filter, ...rest, confirm_large_operation: true }
      return count(await client.send({ method, path, body, effect: 'repeatable', ...left() }))
    })
    return counts.reduce((sum, n) => sum + n, 0)
  }

  return {
    async insertRow(tenantId, table, row, call = {}) {
      const path = `${client.pathOf(table)}/rows`
      const rowData = { ...row, tenant_id: tenantId }
      const left = countDown(call)
      try {
        await insert(path, rowData, left())
      } catch (error) {
        if (!(error instanceof UpstreamError && error.mayHaveApplied)) throw error
        // Whatever fails from here on, the first error says best what is known.
        const stillUnknown = () => Promise.reject(error)
        const lookUp = reader.getRowsByKey(tenantId, table, [row.id], left())
        const found = await lookUp.catch(stillUnknown)
        if (!found.has(row.id)) await insert(path, rowData, left()).catch(stillUnknown)
      }
    },
    setRows(tenantId, table, ids, fields, call = {}) {
      const update = { $set: fields }
      return inBulk({ method: 'PUT', tenantId, table, update }, ids, call, (answer) =>
        readCount(answer, 'matched_count', 'modified_count', 'updated_count'),
      )
    },
    deleteRowsByKey(tenantId, table, ids, call = {}) {
      return inBulk({ method: 'DELETE', tenantId, table }, ids, call, (answer) =>
        answer === null ? 0 : readCount(answer, 'deleted_count'),
      )
    },
  }
}

function confirmRow(answer: unknown): void {
  try {
    readRow(answer)
  } catch {
    throw malformed('answered an insert with something else than its row', true)
  }
}
