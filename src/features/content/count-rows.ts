import type { TenantReads } from '../../platform/postgres/reads.ts'
import type { SqlParams } from '../../platform/postgres/sql-params.ts'

/** How exact a count must be: by the planner's guess, up to a cap, or to the last row. */
export type CountMode = 'NONE' | 'ESTIMATE' | 'CAPPED' | 'EXACT'

export interface Count {
  value: number
  mode: CountMode
  isExact: boolean
}

/** Counts what `from …` selects, at the price of `mode`; `params` are those of its placeholders. */
export async function countRows(
  reads: TenantReads,
  from: string,
  params: SqlParams,
  mode: CountMode,
  cap: number,
): Promise<Count> {
  if (mode === 'NONE') return { value: 0, mode, isExact: false }
  if (mode === 'ESTIMATE') {
    return { value: await estimate(reads, from, params), mode, isExact: false }
  }
  const limit = mode === 'CAPPED' ? `limit ${params.add(cap + 1)}` : ''
  const [row] = await reads.rows<{ count: number }>(
    `select count(*) as count from (select 1 ${from} ${limit}) counted`,
    params.values,
  )
  const count = row?.count ?? 0
  const isExact = mode === 'EXACT' || count <= cap
  return { value: isExact ? count : cap, mode, isExact }
}

async function estimate(reads: TenantReads, from: string, params: SqlParams): Promise<number> {
  const [row] = await reads.rows<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
    `explain (format json) select 1 ${from}`,
    params.values,
  )
  return row?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0
}
