import { randomUUID } from 'node:crypto'
import type { openDatabase } from './database.ts'

export interface File {
  id: string
  name: string
  /** JSON text. */
  metadata: string
  size: number
  created_at: string
}

/** The project's files, their bytes in the same database as the rows. */
export function openFiles(db: ReturnType<typeof openDatabase>) {
  db.execute(filesTable)
  const find = (id: string) =>
    db.get<File>(`select ${columns} from files where id = ? and ${there}`, [id])
  return {
    add(name: string, metadata: string, content: Uint8Array): File {
      const [id, at] = [randomUUID(), new Date().toISOString()]
      const sql = `insert into files (id, name, metadata, created_at, content) values (?, ?, ?, ?, ?)`
      db.run(sql, [id, name, metadata, at, content])
      return { id, name, metadata, size: content.length, created_at: at }
    },
    find,
    read(id: string): Uint8Array | undefined {
      const sql = `select content from files where id = ? and ${there}`
      return db.get<{ content: Uint8Array }>(sql, [id])?.content
    },
    list(skip: number, limit: number) {
      const counting = `select count(*) as total from files where ${there}`
      const total = db.get<{ total: number }>(counting)?.total ?? 0
      const sql = `select ${columns} from files where ${there} order by id limit ? offset ?`
      return { total, files: db.all<File>(sql, [limit, skip]) }
    },
    /** Answers whether there was one. */
    remove(id: string, withContent: boolean): boolean {
      if (!find(id)) return false
      db.run(withContent ? 'delete from files where id = ?' : hide, [id])
      return true
    },
  }
}

const columns = 'id, name, metadata, length(content) as size, created_at'
const there = 'hidden = 0'
const hide = 'update files set hidden = 1 where id = ?'

const filesTable = `create table if not exists files (
  id text primary key, name text not null, metadata text not null, created_at text not null,
  hidden integer not null default 0, content blob not null
)`
