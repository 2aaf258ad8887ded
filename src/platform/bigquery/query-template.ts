import type { z } from 'zod'
import { partitionTypeOf, type TableDefinition } from './tables.ts'

export type ParameterType = 'STRING' | 'INT64' | 'FLOAT64' | 'TIMESTAMP' | 'DATE' | 'STRING[]'

interface ParameterValues {
  STRING: string
  INT64: number
  FLOAT64: number
  TIMESTAMP: Date
  /** As `2026-11-21`. */
  DATE: string
  'STRING[]': readonly string[]
}

export type Parameters<Types extends Record<string, ParameterType>> = {
  [Name in keyof Types]: ParameterValues[Types[Name]]
}

/**
 * A statement over one table, written once. `{table}` stands for the table; `@tenant`, `@from` and
 * `@to` are bound by whoever runs it, and everything else by `parameters`.
 */
export interface QueryTemplate<Types extends Record<string, ParameterType>, Row> {
  name: string
  table: TableDefinition
  sql: string
  parameters: Types
  row: z.ZodType<Row>
}

export type AnyQueryTemplate = QueryTemplate<Record<string, ParameterType>, unknown>

/** All that were ever defined, for the test that runs each of them. */
export const queryTemplates: AnyQueryTemplate[] = []

/** A comment, or a FROM that names another table than ours. */
const readsElsewhere = /--|\/\*|#|(?<!@)\bfrom\s+(?!\s|\(|\{table\})/i

/**
 * Refuses a statement that does not bind the tenant and a range of partitions: such a one would read
 * what is not its tenant's, or be billed for every day there is (X-04, E-205). Throws TypeError.
 */
export function defineQuery<const Types extends Record<string, ParameterType>, Row>(
  template: QueryTemplate<Types, Row>,
): QueryTemplate<Types, Row> {
  const { name, table, sql, parameters } = template
  const column = table.partitionColumn
  for (const condition of ['tenant_id = @tenant', `${column} >= @from`, `${column} < @to`]) {
    if (!sql.includes(condition)) throw new TypeError(`The query ${name} lacks: ${condition}`)
  }
  if (/\bor\b|\bunion\b|\bjoin\b/i.test(sql)) {
    throw new TypeError(
      `The query ${name} has an OR, UNION or JOIN, past which its tenant may not hold`,
    )
  }
  if (sql.split('{table}').length !== 2 || readsElsewhere.test(sql)) {
    throw new TypeError(`The query ${name} may read {table}, once, and has no place for comments`)
  }
  const used = new Set(Array.from(sql.matchAll(/@(\w+)/g), ([, used = '']) => used))
  const bound = new Set(['tenant', 'from', 'to', ...Object.keys(parameters)])
  const strays = [...used.symmetricDifference(bound)]
  if (strays.length > 0)
    throw new TypeError(`The query ${name} and its parameters differ: ${strays.join(', ')}`)
  partitionTypeOf(table)
  queryTemplates.push(template as unknown as AnyQueryTemplate)
  return template
}
