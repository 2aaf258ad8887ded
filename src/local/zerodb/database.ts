import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { SqlValue } from './filter.ts'

type Params = readonly (SqlValue | Uint8Array)[]

/**
 * SQLite as the store uses it. WAL with `synchronous = normal` keeps every acknowledged row when this
 * process is killed; only a crash of the operating system may lose the last of them.
 */
export function openDatabase(file: string) {
  const db = new DatabaseSync(file, { timeout: 5_000 })
  db.exec(pragmas)
  db.function('regexp', { deterministic: true }, createRegexp())
  const prepare = statementCache(db)
  return {
    execute: (sql: string) => db.exec(sql),
    get: <T>(sql: string, params: Params = []) => prepare(sql).get(...params) as T | undefined,
    all: <T>(sql: string, params: Params = []) => prepare(sql).all(...params) as T[],
    /** Returns how many rows it changed. */
    run: (sql: string, params: Params = []) => Number(prepare(sql).run(...params).changes),
    transaction<T>(work: () => T): T {
      db.exec('begin immediate')
      try {
        const result = work()
        db.exec('commit')
        return result
      } catch (error) {
        db.exec('rollback')
        throw error
      }
    },
    close: () => db.close(),
  }
}

/** Pages and a cache that suit rows of a few kB, read through the file's mapping. */
const pragmas = `
  pragma page_size = 8192;
  pragma journal_mode = wal;
  pragma synchronous = normal;
  pragma cache_size = -65536;
  pragma mmap_size = 1073741824;`

const maxStatements = 500

/** Statements by their text: each shape of request is compiled once. */
function statementCache(db: DatabaseSync): (sql: string) => StatementSync {
  const statements = new Map<string, StatementSync>()
  return (sql) => {
    const known = statements.get(sql)
    if (known) return known
    if (statements.size >= maxStatements) statements.clear()
    const statement = db.prepare(sql)
    statements.set(sql, statement)
    return statement
  }
}

/** The function behind `text regexp pattern`; a query tries one pattern on many rows. */
function createRegexp() {
  let last = /(?:)/u
  return (pattern: unknown, text: unknown) => {
    const source = String(pattern)
    if (last.source !== source) last = new RegExp(source, 'u')
    return Number(last.test(String(text)))
  }
}
