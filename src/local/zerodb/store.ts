import { randomUUID } from 'node:crypto'
import { openDatabase } from './database.ts'
import { openFiles } from './file-store.ts'
import { columnFields, type Condition } from './filter.ts'
import { tableNotFound, type JsonObject } from './replies.ts'

export interface Table {
  number: number
  id: string
  name: string
  description: string | null
  schema: string | null
  created_at: string
  updated_at: string
}

export interface PageRequest extends Condition {
  order: string
  skip: number
  limit: number
}

/** `rows` is the JSON text of `count` rows, joined by commas; `total` counts all that match. */
export interface Page {
  total: number
  count: number
  rows: Uint8Array
}

export interface StoredRow {
  rowId: string
  rowData: JsonObject
}

export type Store = ReturnType<typeof openStore>

/**
 * The rows and files of one project, a SQLite table for each of its tables. The text of a row goes out as it
 * is stored: SQLite puts whole answers together, and nothing is parsed on the way.
 */
export function openStore(file: string, projectId: string) {
  const db = openDatabase(file)
  db.execute(tablesTable)
  const asText = (table: Table) => rowText(projectId, table)

  function findTable(name: string): Table | undefined {
    return db.get<Table>('select * from tables where ? in (name, id)', [name])
  }
  function getTable(name: string): Table {
    const table = findTable(name)
    if (!table) throw tableNotFound(name)
    return table
  }
  function count(table: Table, { sql, params }: Condition): number {
    const counting = `select count(*) as total from ${rowsOf(table)} where ${sql}`
    return db.get<{ total: number }>(counting, params)?.total ?? 0
  }

  return {
    /** By name, or by the id the server gave it. */
    findTable,
    getTable,
    createTable(name: string, description: string | null, schema: string | null): Table {
      const at = now()
      const sql = `insert into tables (id, name, description, schema, created_at, updated_at)
        values (?, ?, ?, ?, ?, ?)`
      return db.transaction(() => {
        db.run(sql, [randomUUID(), name, description, schema, at, at])
        const table = getTable(name)
        db.execute(rowsTable(table))
        return table
      })
    },
    listTables(skip: number, limit: number) {
      const total = db.get<{ total: number }>('select count(*) as total from tables')?.total ?? 0
      const sql = 'select * from tables order by name limit ? offset ?'
      return { total, tables: db.all<Table>(sql, [limit, skip]) }
    },
    dropTable(table: Table): void {
      db.transaction(() => {
        db.run('delete from tables where number = ?', [table.number])
        db.execute(`drop table ${rowsOf(table)}`)
      })
    },

    insertRow(table: Table, rowData: JsonObject): string {
      const at = now()
      const sql = `insert into ${rowsOf(table)} (row_id, row_data, created_at, updated_at)
        values (?, ?, ?, ?) returning ${asText(table)} as text`
      const row = [randomUUID(), JSON.stringify(rowData), at, at]
      return db.get<{ text: string }>(sql, row)?.text ?? ''
    },
    findRow(table: Table, rowId: string): string | undefined {
      const sql = `select ${asText(table)} as text from ${rowsOf(table)} where row_id = ?`
      return db.get<{ text: string }>(sql, [rowId])?.text
    },
    replaceRow(table: Table, rowId: string, rowData: JsonObject): string | undefined {
      const sql = `update ${rowsOf(table)} set row_data = ?, updated_at = ?
        where row_id = ? returning ${asText(table)} as text`
      return db.get<{ text: string }>(sql, [JSON.stringify(rowData), now(), rowId])?.text
    },
    deleteRow(table: Table, rowId: string): boolean {
      return db.run(`delete from ${rowsOf(table)} where row_id = ?`, [rowId]) > 0
    },

    /** Sorts row numbers only; the texts are read for the rows of the page, in its order. */
    page(table: Table, { sql, params, order, skip, limit }: PageRequest): Page {
      const rows = rowsOf(table)
      const found = db.get<{ count: number; rows: Uint8Array | null }>(
        `select count(*) as count, cast(group_concat(${asText(table)}, ',') as blob) as rows
         from (select rowid as number from ${rows} where ${sql} order by ${order} limit ? offset ?)
         cross join ${rows} on ${rows}.rowid = number`,
        [...params, limit, skip],
      ) ?? { count: 0, rows: null }
      const isLast = found.count < limit && (found.count > 0 || skip === 0)
      const total = isLast ? skip + found.count : count(table, { sql, params })
      return { total, count: found.count, rows: found.rows ?? new Uint8Array() }
    },
    count,
    listMatching(table: Table, { sql, params }: Condition): StoredRow[] {
      const reading = `select row_id as rowId, row_data as text from ${rowsOf(table)} where ${sql}`
      return db
        .all<{ rowId: string; text: string }>(reading, params)
        .map(({ rowId, text }) => ({ rowId, rowData: JSON.parse(text) as JsonObject }))
    },
    deleteMatching(table: Table, { sql, params }: Condition): number {
      return db.run(`delete from ${rowsOf(table)} where ${sql}`, params)
    },

    files: openFiles(db),
    transaction: db.transaction,
    close: db.close,
  }
}

const tablesTable = `create table if not exists tables (
  number integer primary key, id text not null unique, name text not null unique,
  description text, schema text, created_at text not null, updated_at text not null
)`

function rowsOf({ number }: Table): string {
  return `rows_${number}`
}

/** The columns that filters use stand before the text, which may reach into overflow pages. */
function rowsTable(table: Table): string {
  const rows = rowsOf(table)
  const columns = [...columnFields].map(
    (field) => `"${field}" generated always as (json_extract(row_data, '$.${field}')) stored`,
  )
  return `create table ${rows} (
      row_id text not null unique, created_at text not null, updated_at text not null,
      ${columns.join(', ')}, row_data text not null
    );
    create index ${rows}_id on ${rows} (id);
    create index ${rows}_content on ${rows} (content_id) where content_id is not null;
    create index ${rows}_version on ${rows} (version_of) where version_of is not null`
}

/** The SQL expression for a row as the API shows it. */
function rowText(projectId: string, { id, name }: Table): string {
  return `concat('{"row_id":"', row_id, '","project_id":"${projectId}","table_id":"${id}",',
    '"table_name":"${name}","row_data":', row_data,
    ',"created_at":"', created_at, '","updated_at":"', updated_at, '"}')`
}

function now(): string {
  return new Date().toISOString()
}
