import { DuckDBDecimalValue, DuckDBListValue, DuckDBTimestampValue } from '@duckdb/node-api'
import type { DuckDBValue } from '@duckdb/node-api'
import type { Column } from './sql/scope.ts'
import { restName } from './types.ts'

/** A value as the API writes it; timestamps in microseconds. */
export type Cell = string | null | readonly Cell[]

export function toCell(value: DuckDBValue): Cell {
  if (value === null) return null
  if (value instanceof DuckDBListValue) return value.items.map(toCell)
  if (value instanceof DuckDBTimestampValue) return String(value.micros)
  if (value instanceof DuckDBDecimalValue) return String(value).replace(/\.?0+$/, '')
  return String(value)
}

export function showColumns(columns: readonly Column[]) {
  return {
    fields: columns.map(({ name, type }) => ({
      name,
      type: restName(type?.name ?? 'INT64'),
      mode: type?.array ? 'REPEATED' : 'NULLABLE',
    })),
  }
}

export type TimestampFormat = 'INT64' | 'FLOAT64' | 'ISO8601_STRING'

/** Rows in the form `{f: [{v}]}`: https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query */
export function showRows(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  format: TimestampFormat,
) {
  return rows.map((row) => ({
    f: row.map((cell, n) => ({
      v: showCell(cell, columns[n]?.type?.name === 'TIMESTAMP', format),
    })),
  }))
}

function showCell(cell: Cell, isTimestamp: boolean, format: TimestampFormat): unknown {
  if (cell === null) return null
  if (typeof cell !== 'string') return cell.map((v) => ({ v: showCell(v, isTimestamp, format) }))
  return isTimestamp ? showTimestamp(BigInt(cell), format) : cell
}

const microsPerSecond = 1_000_000n

function showTimestamp(micros: bigint, format: TimestampFormat): string {
  if (format === 'INT64') return String(micros)
  if (format === 'FLOAT64')
    return (Number(micros) / Number(microsPerSecond)).toExponential().replace('e+', 'E')
  const fraction = ((micros % microsPerSecond) + microsPerSecond) % microsPerSecond
  const whole = new Date(Number((micros - fraction) / 1_000n)).toISOString()
  return whole.replace(/\.000Z$/, `.${String(fraction).padStart(6, '0')}Z`)
}
