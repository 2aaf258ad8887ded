import { setImmediate as breathe } from 'node:timers/promises'
import { DuckDBDataChunk, DuckDBDateValue, DuckDBTimestampValue } from '@duckdb/node-api'
import type { DuckDBValue } from '@duckdb/node-api'
import { rowsOf, typeOf, type Table } from './catalog.ts'
import type { Connection } from './database.ts'
import { countSize, rowCount, type PartitionSizes } from './partition-sizes.ts'
import type { Field } from './schema.ts'
import { fixedSize, storedType, textOverheadBytes } from './types.ts'
import { BadValue, convertValue, listOf } from './values.ts'

export interface BadRow {
  /** From 1. */
  line: number
  /** Of its first byte in the file. */
  position: number
  message: string
}

export interface LoadedRows {
  rows: number
  bytes: number
  sizes: PartitionSizes
  bad: BadRow[]
}

export interface LoadRequest {
  table: Table
  data: Buffer
  ignoreUnknownValues: boolean
  /** So many of the first rows count as bad, whatever is in them. */
  spoiledRows: number
}

/** Rows in one of DuckDB's vectors. */
const chunkRows = 2_048

/** Appends the good rows of a newline-delimited JSON file within the transaction given. */
export async function loadRows(tx: Connection, request: LoadRequest): Promise<LoadedRows> {
  const { table } = request
  const loaded: LoadedRows = { rows: 0, bytes: 0, sizes: new Map(), bad: [] }
  const types = table.fields.map((field) => storedType(typeOf(field)))
  const appender = await tx.appender(rowsOf(table))
  let chunk: DuckDBValue[][] = []
  const append = () => {
    const columns = table.fields.map((_, n) => chunk.map((row) => row[n] ?? null))
    const vectors = DuckDBDataChunk.create(types, chunk.length)
    vectors.setColumns(columns)
    appender.appendDataChunk(vectors)
    chunk = []
  }
  try {
    for (const row of readRows(request, loaded)) {
      measure(row, table, loaded)
      if (chunk.push(row) < chunkRows) continue
      append()
      await breathe()
    }
    if (chunk.length > 0) append()
  } catch (error) {
    // Closing writes what is left, outside of a transaction that is over by then.
    appender.clear()
    throw error
  } finally {
    appender.closeSync()
  }
  return loaded
}

/** The good rows; the bad ones are noted. */
function* readRows(request: LoadRequest, { bad }: LoadedRows): Generator<DuckDBValue[]> {
  const read = createRowReader(request)
  for (const { text, line, position } of linesOf(request.data)) {
    const row = attempt(() => {
      if (bad.length < request.spoiledRows) throw new BadValue('Fault switch: badRows')
      return read(text)
    })
    if (row instanceof BadValue) bad.push({ line, position, message: row.message })
    else yield row
  }
}

function attempt<T>(work: () => T): T | BadValue {
  try {
    return work()
  } catch (error) {
    if (error instanceof BadValue) return error
    throw error
  }
}

function* linesOf(data: Buffer) {
  for (let position = 0, line = 1; position < data.length; line++) {
    const found = data.indexOf(0x0a, position)
    const end = found < 0 ? data.length : found
    const text = data.toString('utf8', position, end)
    if (text.trim() !== '') yield { text, line, position }
    position = end + 1
  }
}

function createRowReader({ table, ignoreUnknownValues }: LoadRequest) {
  const places = new Map(table.fields.map(({ name }, n) => [name.toLowerCase(), n]))
  return (text: string): DuckDBValue[] => {
    const given: unknown[] = Array(table.fields.length)
    for (const [name, value] of Object.entries(parseObject(text))) {
      const place = places.get(name.toLowerCase())
      if (place !== undefined) given[place] = value
      else if (!ignoreUnknownValues) throw new BadValue(`No such field: ${name}.`)
    }
    return table.fields.map((field, n) => convertField(field, given[n]))
  }
}

function parseObject(text: string): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new BadValue(`Parser terminated before end of string. ${String(error)}`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new BadValue('Value encountered without start of object.')
}

function convertField(field: Field, value: unknown): DuckDBValue {
  const { name, type, mode } = field
  try {
    if (mode === 'REPEATED') return convertList(field, value)
    if (value !== undefined && value !== null) return convertValue(type, value)
  } catch (error) {
    if (!(error instanceof BadValue)) throw error
    throw new BadValue(`${error.message}. Field: ${name}; Value: ${show(value)}`)
  }
  if (mode !== 'REQUIRED') return null
  throw new BadValue(`Only optional fields can be set to NULL. Field: ${name}; Value: NULL`)
}

function convertList({ type }: Field, value: unknown): DuckDBValue {
  if (value === undefined || value === null) return listOf([])
  if (!Array.isArray(value)) throw new BadValue('Repeated field must be imported as a JSON array')
  return listOf(
    value.map((item: unknown) => {
      if (item === null) throw new BadValue('Only optional fields can be set to NULL')
      return convertValue(type, item)
    }),
  )
}

const shownCharacters = 100

function show(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, shownCharacters)
}

function measure(row: readonly DuckDBValue[], table: Table, loaded: LoadedRows): void {
  const day = dayOf(row, table)
  loaded.rows++
  countSize(loaded.sizes, day, rowCount, 1)
  table.fields.forEach((field, n) => {
    const bytes = sizeOf(field, row[n] ?? null)
    loaded.bytes += bytes
    countSize(loaded.sizes, day, field.name, bytes)
  })
}

const microsPerDay = 86_400_000_000n

function dayOf(row: readonly DuckDBValue[], { fields, partitioning }: Table): number | null {
  const value = row[fields.findIndex(({ name }) => name === partitioning?.field)]
  if (value instanceof DuckDBDateValue) return value.days
  if (!(value instanceof DuckDBTimestampValue)) return null
  const { micros } = value
  return Number((micros - (((micros % microsPerDay) + microsPerDay) % microsPerDay)) / microsPerDay)
}

function sizeOf(field: Field, value: DuckDBValue): number {
  if (value === null) return 0
  if (typeof value === 'object' && 'items' in value && Array.isArray(value.items)) {
    return value.items.reduce((sum: number, item: DuckDBValue) => sum + sizeOf(field, item), 0)
  }
  return fixedSize(field.type) ?? textOverheadBytes + Buffer.byteLength(String(value))
}
