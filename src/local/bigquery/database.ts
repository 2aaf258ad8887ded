import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import type { DuckDBAppender, DuckDBType, DuckDBValue } from '@duckdb/node-api'

export type Params = Record<string, DuckDBValue>
export type ParamTypes = Record<string, DuckDBType>

/** A connection, as far as the stand-in uses it. */
export interface Connection {
  /** Binds those of the parameters that the statement names; several statements take none. */
  rows(sql: string, params?: Params, types?: ParamTypes): Promise<DuckDBValue[][]>
  appender(table: string): Promise<DuckDBAppender>
}

/**
 * Bounded: a stand-in shares the machine with the program it stands beside. The optimizer left out
 * (DuckDB 1.5.6) fails on the newest row per group when what comes of it is added up.
 */
const settings = {
  memory_limit: '512MB',
  threads: '2',
  disabled_optimizers: 'top_n_window_elimination',
}

export type Database = Awaited<ReturnType<typeof openDatabase>>

/**
 * DuckDB as the stand-in uses it: one writer at a time, any number of readers beside it. What a
 * writer commits is on disk before it returns.
 */
export async function openDatabase(file: string) {
  const instance = await DuckDBInstance.create(file, settings)
  const writer = await instance.connect()
  let turn: Promise<unknown> = Promise.resolve()

  async function transaction<T>(work: (tx: Connection) => Promise<T>): Promise<T> {
    await writer.run('begin transaction')
    try {
      const result = await work(wrap(writer))
      await writer.run('commit')
      return result
    } catch (error) {
      // A commit that failed has rolled back already.
      await writer.run('rollback').catch(() => undefined)
      throw error
    }
  }

  return {
    /** Waits for the writers before it. */
    write<T>(work: (tx: Connection) => Promise<T>): Promise<T> {
      const done = turn.then(() => transaction(work))
      turn = done.catch(() => undefined)
      return done
    },
    async read<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
      const reader = await instance.connect()
      try {
        return await work(wrap(reader))
      } finally {
        reader.closeSync()
      }
    },
    /** After the writers under way, and those that follow from them. */
    async close(): Promise<void> {
      for (let last: unknown; last !== turn; await turn) last = turn
      writer.closeSync()
      instance.closeSync()
    },
  }
}

function wrap(connection: DuckDBConnection): Connection {
  return {
    async rows(sql, params, types) {
      if (!params) return (await connection.runAndReadAll(sql)).getRows()
      const statement = await connection.prepare(sql)
      try {
        for (let n = 1; n <= statement.parameterCount; n++) {
          const name = statement.parameterName(n)
          const value = params[name]
          if (value === undefined) throw new TypeError(`No value for $${name} in ${sql}`)
          statement.bindValue(n, value, types?.[name])
        }
        return (await statement.runAndReadAll()).getRows()
      } finally {
        statement.destroySync()
      }
    },
    appender: (table) => connection.createAppender(table),
  }
}
