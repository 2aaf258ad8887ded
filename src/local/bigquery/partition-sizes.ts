import { DuckDBDateValue } from '@duckdb/node-api'
import { rowsOf, typeOf, type Table } from './catalog.ts'
import type { Connection } from './database.ts'
import { quote } from './identifiers.ts'
import { fixedSize, textOverheadBytes } from './types.ts'

/** The name under which the number of rows stands among the bytes of the columns. */
export const rowCount = '#rows'

/** By day, then by column: bytes, and rows under `rowCount`. The day is null without partitions. */
export type PartitionSizes = Map<number | null, Map<string, number>>

export function countSize(sizes: PartitionSizes, day: number | null, name: string, amount: number) {
  const ofDay = sizes.get(day) ?? new Map<string, number>()
  sizes.set(day, ofDay)
  ofDay.set(name, (ofDay.get(name) ?? 0) + amount)
}

export async function addSizes(tx: Connection, { number }: Table, sizes: PartitionSizes) {
  const appender = await tx.appender('partition_sizes')
  for (const [day, ofDay] of sizes) {
    for (const [name, amount] of ofDay) {
      appender.appendInteger(number)
      if (day === null) appender.appendNull()
      else appender.appendDate(new DuckDBDateValue(day))
      appender.appendVarchar(name)
      appender.appendBigInt(BigInt(amount))
      appender.endRow()
    }
  }
  appender.closeSync()
}

/** Counts again what a statement may have changed anywhere in the table. */
export async function recountSizes(tx: Connection, table: Table): Promise<void> {
  const { number, partitioning } = table
  const day = partitioning ? `cast(${quote(partitioning.field)} as date)` : 'cast(null as date)'
  const columns = [
    ['count(*)', rowCount] as const,
    ...table.fields.map((field) => [`sum(${sizeOf(field)})`, field.name] as const),
  ]
  const list = columns.map(([sum]) => sum).join(', ')
  await tx.rows('delete from partition_sizes where number = $number', { number })
  const counted = await tx.rows(`select ${day}, ${list} from ${rowsOf(table)} group by 1`)
  const sizes: PartitionSizes = new Map()
  for (const [of, ...amounts] of counted) {
    const days = of instanceof DuckDBDateValue ? of.days : null
    columns.forEach(([, name], n) => countSize(sizes, days, name, Number(amounts[n] ?? 0)))
  }
  await addSizes(tx, table, sizes)
}

/** The size of a value, in SQL. */
function sizeOf(field: Table['fields'][number]): string {
  const { name, array } = typeOf(field)
  const column = quote(field.name)
  const fixed = fixedSize(name)
  if (fixed !== undefined) {
    return array ? `${fixed} * len(${column})` : `if(${column} is null, 0, ${fixed})`
  }
  if (!array) return `${textOverheadBytes} + strlen(${column})`
  return `list_sum(list_transform(${column}, lambda text: ${textOverheadBytes} + strlen(text)))`
}

/** Bytes and rows of the whole table. */
export async function totalSize(connection: Connection, { number }: Table) {
  const [[rows, bytes] = []] = await connection.rows(
    `select sum(amount) filter (where name = '${rowCount}'),
      sum(amount) filter (where name <> '${rowCount}')
    from partition_sizes where number = $number`,
    { number },
  )
  return { rows: Number(rows ?? 0), bytes: Number(bytes ?? 0) }
}
