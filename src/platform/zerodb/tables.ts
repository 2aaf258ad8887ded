import { isStatus, readPage, readTableName } from './answers.ts'
import type { Client, ZeroDbCall } from './client.ts'

/** Tables in one answer at most. */
const tablesPerPage = 100

export interface Tables {
  /** Creates the table unless it is there already. */
  createTable(table: string, call?: ZeroDbCall): Promise<void>
  listTables(call?: ZeroDbCall): Promise<string[]>
  /** Resolves when ZeroDB answers for our project and takes our credential. */
  ping(call?: ZeroDbCall): Promise<void>
}

export function createTables({ send, pathOf }: Client): Tables {
  const fetchPage = async (skip: number, limit: number, call: ZeroDbCall) => {
    const path = `${pathOf()}?skip=${skip}&limit=${limit}`
    return readPage(await send({ method: 'GET', path, effect: 'none', ...call }), readTableName)
  }

  const listTables = async (call: ZeroDbCall = {}) => {
    const names = new Set<string>()
    for (;;) {
      const known = names.size
      const { items, hasMore } = await fetchPage(known, tablesPerPage, call)
      for (const name of items) names.add(name)
      if (hasMore === false || names.size === known) return [...names]
    }
  }

  return {
    async createTable(table, call = {}) {
      const body = { table_name: table }
      try {
        await send({ method: 'POST', path: pathOf(), body, effect: 'repeatable', ...call })
      } catch (error) {
        const exists = isStatus(error, 409) || isStatus(error, 400, /already exists/i)
        // "Exists" may be said of a table that was dropped: only the list knows.
        if (!exists || !(await listTables(call)).includes(table)) throw error
      }
    },
    listTables,
    async ping(call = {}) {
      await fetchPage(0, 1, call)
    },
  }
}
