/** A column of a table; types as GoogleSQL names them. */
export interface Column {
  name: string
  type: 'STRING' | 'INT64' | 'FLOAT64' | 'NUMERIC' | 'TIMESTAMP' | 'DATE' | 'JSON'
  required?: true
}

/** A table as `gateway setup` makes it, partitioned by day: no query goes without a range of days. */
export interface TableDefinition {
  name: string
  description: string
  columns: readonly Column[]
  /** The TIMESTAMP or DATE by whose day it is partitioned. */
  partitionColumn: string
  clustering: readonly string[]
}

/** Whether the partitions go by a DATE, or by the day of a TIMESTAMP in UTC. */
export function partitionTypeOf({
  columns,
  partitionColumn,
}: TableDefinition): 'DATE' | 'TIMESTAMP' {
  const column = columns.find(({ name }) => name === partitionColumn)
  if (column?.type === 'DATE' || column?.type === 'TIMESTAMP') return column.type
  throw new TypeError(`${partitionColumn} is no DATE or TIMESTAMP`)
}
