import pg from 'pg'

const textArray = 1009

interface Field {
  name: string
  parse: (text: string) => unknown
}

export interface Statement {
  text: string
  /** The prepared statement's name on every connection; another text may have had it before. */
  name: string
  /** Known after the first answer; later trips need not ask for a description. */
  fields: Field[] | undefined
  /** A row of nulls: copies of it share their shape. */
  blank?: Record<string, unknown>
}

export interface Read {
  statement: Statement
  values: (string | null)[]
  rows: Record<string, unknown>[]
}

/** What `pg` hands to a Submittable; its typings leave the registry of prepared statements out. */
type Connection = pg.Connection & { parsedStatements: Record<string, string | undefined> }

/**
 * Several reads in one round trip: all are pipelined before a single Sync, which the extended query
 * protocol runs as one implicit transaction (PostgreSQL manual, "Pipelining"). A transaction-local
 * setting made by the first therefore holds for the rest and is gone afterwards.
 */
export class Trip implements pg.Submittable {
  readonly #reads: readonly Read[]
  readonly #done: (error?: Error) => void
  #current = 0

  constructor(reads: readonly Read[], done: (error?: Error) => void) {
    this.#reads = reads
    this.#done = done
  }

  submit(connection: pg.Connection): void {
    const { parsedStatements } = connection as Connection
    connection.stream.cork()
    for (const { statement, values } of this.#reads) {
      const { name, text } = statement
      if (parsedStatements[name] !== text) {
        if (parsedStatements[name] !== undefined) connection.close({ type: 'S', name }, true)
        connection.parse({ name, text, types: [] }, true)
        parsedStatements[name] = text
      }
      connection.bind({ statement: name, values }, true)
      if (!statement.fields) connection.describe({ type: 'P', name: '' }, true)
      connection.execute(null, true)
    }
    connection.sync()
    connection.stream.uncork()
  }

  handleRowDescription({ fields }: { fields: { name: string; dataTypeID: number }[] }): void {
    const read = this.#reads[this.#current]
    if (!read) return
    read.statement.fields = fields.map(({ name, dataTypeID }) => ({
      name,
      parse: parserOf(dataTypeID),
    }))
    read.statement.blank = Object.fromEntries(fields.map(({ name }) => [name, null]))
  }

  handleDataRow({ fields: texts }: { fields: (string | null)[] }): void {
    const read = this.#reads[this.#current]
    const fields = read?.statement.fields
    if (!read || !fields) return
    const row = { ...read.statement.blank }
    for (let index = 0; index < fields.length; index++) {
      const text = texts[index]
      if (text == null) continue
      const field = fields[index] as Field
      row[field.name] = field.parse(text)
    }
    read.rows.push(row)
  }

  handleCommandComplete(): void {
    this.#current++
  }

  /** The last call there is: after an error `pg` does not say when the server is ready again. */
  handleError(error: Error): void {
    this.#done(error)
  }

  handleReadyForQuery(): void {
    this.#done()
  }
}

const oid = { bool: 16, int8: 20, int4: 23, text: 25, jsonb: 3802, timestamptz: 1184, uuid: 2950 }
const asIs = (text: string) => text
const own = new Map<number, (text: string) => unknown>([
  [oid.bool, (text) => text === 't'],
  [oid.int4, Number],
  // Byte counts and row counts: exact up to 2^53.
  [oid.int8, Number],
  [oid.text, asIs],
  [oid.uuid, asIs],
  [oid.jsonb, JSON.parse],
  [oid.timestamptz, parseTimestamp],
])

function parserOf(dataTypeId: number): (text: string) => unknown {
  const parse = own.get(dataTypeId) ?? pg.types.getTypeParser(dataTypeId, 'text')
  // Most lists are empty.
  if (dataTypeId === textArray) return (text) => (text === '{}' ? [] : parse(text))
  return parse
}

/** `2026-11-20 10:15:00.123+00`, as a session in UTC prints it; anything else goes the slow way. */
function parseTimestamp(text: string): Date {
  if (!text.endsWith('+00') || text.charCodeAt(4) !== 45) return new Date(text)
  return new Date(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`)
}

/** Parameters travel as text; lists as array literals (PostgreSQL manual, "Array Input"). */
export type SqlValue = string | number | boolean | Date | null | readonly string[]

export function toText(value: SqlValue): string | null {
  if (value === null || typeof value === 'string') return value
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'object') return arrayLiteral(value)
  return String(value)
}

function arrayLiteral(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join(',')}}`
}
