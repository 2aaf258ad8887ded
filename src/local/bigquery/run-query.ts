import { z } from 'zod'
import type { Catalog, Table } from './catalog.ts'
import type { Connection, Database, Params, ParamTypes } from './database.ts'
import { recountSizes } from './partition-sizes.ts'
import { QueryParameter, readParameters } from './query-parameters.ts'
import { invalid, invalidQuery, Refusal } from './replies.ts'
import { toCell, type Cell } from './result-rows.ts'
import { parameterName, type Parameter, type TableRead } from './sql/analyzer.ts'
import type { Column } from './sql/scope.ts'
import { translate, type Translation } from './sql/translate.ts'
import { storedType } from './types.ts'

const Int64 = z.union([z.string(), z.number()]).transform(Number)

/** What the two ways to ask a query have in common. */
export const queryFields = {
  query: z.string().min(1),
  useLegacySql: z.literal(false),
  parameterMode: z
    .string()
    .transform((mode) => mode.toUpperCase())
    .pipe(z.literal('NAMED'))
    .optional(),
  queryParameters: z.array(QueryParameter).optional(),
  maximumBytesBilled: Int64.optional(),
  defaultDataset: z.object({ datasetId: z.string() }).loose().optional(),
}

export interface QueryRequest {
  query: string
  queryParameters?: z.infer<typeof QueryParameter>[] | undefined
  maximumBytesBilled?: number | undefined
  defaultDataset?: { datasetId: string } | undefined
}

export interface PlannedQuery {
  translation: Translation
  params: readonly Parameter[]
  bytesProcessed: number
  bytesBilled: number
}

export interface QueryResult {
  columns: readonly Column[]
  rows: readonly (readonly Cell[])[]
  /** Of a DELETE. */
  deleted?: number
}

interface Deps {
  database: Database
  catalog: Catalog
}

/** Understands a query and what it costs, and refuses it when that is too much. */
export async function planQuery(deps: Deps, request: QueryRequest): Promise<PlannedQuery> {
  const params = readParameters(request.queryParameters ?? [])
  const find = (path: string) => findTable(deps.catalog, path, request.defaultDataset?.datasetId)
  const translation = translate(request.query, params, find)
  const sizes = await deps.database.read((connection) =>
    Promise.all(translation.reads.map((read) => bytesRead(connection, read, params))),
  )
  const bytesProcessed = sizes.reduce((sum, bytes) => sum + bytes, 0)
  const bytesBilled = sizes.reduce((sum, bytes) => sum + billed(bytes), 0)
  const { maximumBytesBilled: limit } = request
  if (limit !== undefined && bytesBilled > limit) {
    throw new Refusal(
      400,
      'bytesBilledLimitExceeded',
      `Query exceeded limit for bytes billed: ${limit}. ${bytesBilled} or higher required.`,
    )
  }
  return { translation, params, bytesProcessed, bytesBilled }
}

const mebibyte = 1024 ** 2
/** At least so much for each table: https://cloud.google.com/bigquery/pricing#on_demand_pricing */
const leastBilledMib = 10

function billed(bytes: number): number {
  return bytes === 0 ? 0 : Math.max(leastBilledMib, Math.ceil(bytes / mebibyte)) * mebibyte
}

function findTable(catalog: Catalog, path: string, dataset: string | undefined): Table {
  const parts = path.split('.')
  const [tableId = '', datasetId = dataset, projectId = catalog.projectId] = parts.reverse()
  if (datasetId === undefined || parts.length > 3) {
    throw invalid(`Table "${path}" must be qualified with a dataset (e.g. dataset.table).`)
  }
  if (projectId !== catalog.projectId) {
    throw new Refusal(
      403,
      'accessDenied',
      `Access Denied: Table ${projectId}:${datasetId}.${tableId}: User does not have permission ` +
        'to query table, or perhaps it does not exist.',
    )
  }
  return catalog.getTable(datasetId, tableId)
}

async function bytesRead(
  connection: Connection,
  { table, columns, partitions }: TableRead,
  params: readonly Parameter[],
): Promise<number> {
  const names = [...columns].map((name) => `'${name}'`)
  if (names.length === 0) return 0
  const [[bytes] = []] = await run(
    connection,
    `select sum(amount) from partition_sizes
    where number = ${table.number} and name in (${names.join(', ')}) and (${partitions ?? 'true'})`,
    params,
  )
  return Number(bytes ?? 0)
}

export async function executeQuery(
  { database }: Deps,
  { translation, params }: PlannedQuery,
): Promise<QueryResult> {
  const { sql } = translation
  if (translation.kind === 'query') {
    const rows = await database.read((connection) => run(connection, sql, params))
    return { columns: translation.columns, rows: rows.map((row) => row.map(toCell)) }
  }
  const { table } = translation
  const deleted = await database.write(async (tx) => {
    const [[count] = []] = await run(tx, sql, params)
    if (Number(count) > 0) await recountSizes(tx, table)
    return Number(count)
  })
  return { columns: [], rows: [], deleted }
}

/** What DuckDB does not take is the caller's mistake, or something the translation does not cover. */
async function run(connection: Connection, sql: string, params: readonly Parameter[]) {
  const values: Params = {}
  const types: ParamTypes = {}
  params.forEach(({ value, type }, n) => {
    values[parameterName(n)] = value
    types[parameterName(n)] = storedType(type)
  })
  try {
    return await connection.rows(sql, values, types)
  } catch (error) {
    throw invalidQuery(error instanceof Error ? error.message : String(error))
  }
}
