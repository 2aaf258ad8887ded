import { UpstreamError } from '../../lib/errors.ts'
import { bytesPerGb } from '../../lib/bytes.ts'
import type { BigQuery } from '../../platform/bigquery.ts'
import type { QueryResult } from '../../platform/bigquery/queries.ts'
import type {
  ParameterType,
  Parameters,
  QueryTemplate,
} from '../../platform/bigquery/query-template.ts'
import type { Log } from '../../platform/log.ts'
import type { TenantGates } from '../../platform/tenant-gates.ts'
import { daysOf, type Range } from './granularity.ts'

export interface WarehouseDeps {
  bigquery: BigQuery | null
  analyticsGates: TenantGates
  tenantId: string
  /** The operation's own deadline, which is mostly the shorter one. */
  signal: AbortSignal
  plan: { bigquery: number }
  log: Log
}

/** At $5 for 1024 GB (E-208) five cents. BigQuery bills 10 MB at least, whatever is read. */
export const defaultMaxBytes = 10 * bytesPerGb

const timeoutMs = 30_000

export interface WarehouseQuestion<Types extends Record<string, ParameterType>> {
  range: Range
  parameters: Parameters<Types>
  maxBytes: number
}

/** Throws UpstreamError, also where there is no warehouse, and BytesLimitError. */
export function askWarehouse<const Types extends Record<string, ParameterType>, Row>(
  { bigquery, analyticsGates, tenantId, signal, plan, log }: WarehouseDeps,
  template: QueryTemplate<Types, Row>,
  { range, parameters, maxBytes }: WarehouseQuestion<Types>,
): Promise<QueryResult<Row>> {
  return analyticsGates.run(tenantId, signal, async () => {
    if (!bigquery) throw new UpstreamError('BigQuery', 'unavailable', 'none is configured')
    plan.bigquery++
    const scope = { tenantId, ...daysOf(range) }
    const call = { signal, timeoutMs, maxBytesBilled: maxBytes }
    return bigquery.query(template, scope, parameters, call).catch((error: unknown) => {
      // Clients are told no more than that, and nobody else would see what is to be mended.
      if (isRefusal(error)) log.error({ err: error, tenantId }, 'analytics are refused')
      throw error
    })
  })
}

/** Whether asking again is of no use: rights are missing, or a table, or the answer is of another form. */
export function isRefusal(error: unknown): error is UpstreamError {
  return (
    error instanceof UpstreamError &&
    (error.failure === 'rejected' || error.failure === 'malformed')
  )
}
