import type { TenantReads } from '../../platform/postgres/reads.ts'
import { p95Of } from './latency-scale.ts'

/** What a key asked for by one operation. */
export interface OperationUsage {
  /** Null without a name. */
  operationName: string | null
  /** Null without a trusted document. */
  documentId: string | null
  calls: number
  cost: number
  errors: number
  p95Ms: number
}

type UsageRow = Omit<OperationUsage, 'p95Ms'> & { latencies: number[] }

const usageSql = `
  with summed as (
    select nullif(operation_name, '') as "operationName", nullif(document_id, '') as "documentId",
      sum(calls)::float8 as calls, sum(cost)::float8 as cost, sum(errors)::float8 as errors,
      array_agg(latencies) as latencies
    from api_key_usage
    where tenant_id = $1 and api_key_id = $2 and day >= $3::date and day <= $4::date
    group by operation_name, document_id
    order by sum(cost) desc, sum(calls) desc, operation_name, document_id limit 100
  )
  select "operationName", "documentId", calls, cost, errors, array(
    select sum(s.latencies[i][step]) from generate_subscripts(s.latencies, 1) i,
      generate_subscripts(s.latencies, 2) step group by step order by step
  )::float8[] as latencies
  from summed s`

/** The hundred dearest operations of a key on the days that the range touches, the dearest first. */
export async function listUsage(
  reads: TenantReads,
  apiKeyId: string,
  { from, to }: { from: Date; to: Date },
): Promise<OperationUsage[]> {
  const days = [from, new Date(to.getTime() - 1)].map((at) => at.toISOString().slice(0, 10))
  const rows = await reads.rows<UsageRow>(usageSql, [reads.tenantId, apiKeyId, ...days])
  return rows.map(({ latencies, ...row }) => ({ ...row, p95Ms: p95Of(latencies) }))
}
