import type { Dataset, TableField, TableMetadata } from '@google-cloud/bigquery'
import { UpstreamError } from '../../lib/errors.ts'
import { explain, neighbour, statusOf, within } from './failures.ts'
import type { Column, TableDefinition } from './tables.ts'

/** Nobody waits longer for one answer: programs start although BigQuery is silent. */
const requestMs = 5_000

/** One thing that setting up has seen to. */
export interface SetUpStep {
  /** E.g. `BigQuery table content_snapshots`. */
  what: string
  outcome: 'created' | 'there already' | 'extended'
}

export async function setUpDataset(dataset: Dataset, location: string): Promise<SetUpStep> {
  const what = `BigQuery dataset ${dataset.id}`
  if (await metadataOf(() => dataset.getMetadata())) return { what, outcome: 'there already' }
  return {
    what,
    outcome: await create(() => dataset.bigQuery.createDataset(dataset.id ?? '', { location })),
  }
}

/** Makes the table, or adds the columns that an older one lacks. Throws UpstreamError where it differs otherwise. */
export async function setUpTable(
  dataset: Dataset,
  definition: TableDefinition,
): Promise<SetUpStep> {
  const what = `BigQuery table ${definition.name}`
  const table = dataset.table(definition.name)
  const found = await metadataOf(() => table.getMetadata())
  if (!found)
    return {
      what,
      outcome: await create(() => dataset.createTable(definition.name, metadataFor(definition))),
    }
  refuse(definition, differences(definition, found))
  const missing = missingColumns(definition, found)
  if (missing.length === 0) return { what, outcome: 'there already' }
  // Rows that are there have no value: a column that comes later cannot be required.
  const added = missing.map((column) => ({ ...fieldOf(column), mode: 'NULLABLE' }))
  const fields = [...(found.schema?.fields ?? []), ...added]
  const extend = () => table.setMetadata({ schema: { fields } })
  await within(requestMs, undefined, extend).catch((error: unknown) => {
    throw explain(error)
  })
  return { what, outcome: 'extended' }
}

/** Throws UpstreamError, `rejected`, when the table is not there or not as it should be. */
export async function checkTable(
  dataset: Dataset,
  definition: TableDefinition,
  signal?: AbortSignal,
): Promise<void> {
  const found = await metadataOf(() => dataset.table(definition.name).getMetadata(), signal)
  if (!found) return refuse(definition, ['it is not there'])
  const missing = missingColumns(definition, found).map(({ name }) => `it has no column ${name}`)
  refuse(definition, [...differences(definition, found), ...missing])
}

/** Null when there is no such thing. */
async function metadataOf(
  get: () => Promise<unknown[]>,
  signal?: AbortSignal,
): Promise<TableMetadata | null> {
  try {
    const [metadata] = await within(requestMs, signal, get)
    return metadata as TableMetadata
  } catch (error) {
    if (signal?.aborted) throw error
    if (statusOf(error) === 404) return null
    throw explain(error)
  }
}

/** Another process may be doing the same at this moment. */
async function create(make: () => Promise<unknown>): Promise<SetUpStep['outcome']> {
  try {
    await within(requestMs, undefined, make)
    return 'created'
  } catch (error) {
    if (statusOf(error) === 409) return 'there already'
    throw explain(error)
  }
}

function metadataFor({
  description,
  columns,
  partitionColumn,
  clustering,
}: TableDefinition): TableMetadata {
  return {
    description,
    schema: { fields: columns.map(fieldOf) },
    timePartitioning: { type: 'DAY', field: partitionColumn },
    requirePartitionFilter: true,
    clustering: { fields: [...clustering] },
  }
}

function fieldOf({ name, type, required }: Column): TableField {
  return { name, type, mode: required ? 'REQUIRED' : 'NULLABLE' }
}

/** The API answers with the older names of some types. */
const olderNames: Record<string, string> = { INTEGER: 'INT64', FLOAT: 'FLOAT64', BOOLEAN: 'BOOL' }

function differences(definition: TableDefinition, found: TableMetadata): string[] {
  const fields = new Map((found.schema?.fields ?? []).map((field) => [field.name, field]))
  const wrong = definition.columns.flatMap(({ name, type }) => {
    const field = fields.get(name)
    const actual = field && (olderNames[field.type ?? ''] ?? field.type)
    return actual && actual !== type ? [`its column ${name} is ${actual}, not ${type}`] : []
  })
  const known = new Set(definition.columns.map(({ name }) => name))
  const strange = [...fields.values()].filter(
    ({ name, mode }) => mode === 'REQUIRED' && !known.has(name ?? ''),
  )
  const partitioned = found.timePartitioning?.field
  return [
    ...wrong,
    ...strange.map(({ name }) => `it requires a column ${name} that is not ours`),
    ...(partitioned === definition.partitionColumn
      ? []
      : [`it is not partitioned by ${definition.partitionColumn}`]),
  ]
}

function missingColumns({ columns }: TableDefinition, found: TableMetadata): Column[] {
  const names = new Set((found.schema?.fields ?? []).map(({ name }) => name))
  return columns.filter(({ name }) => !names.has(name))
}

function refuse({ name }: TableDefinition, complaints: readonly string[]): void {
  if (complaints.length === 0) return
  const message = `the table ${name} cannot be used: ${complaints.join('; ')}`
  throw new UpstreamError(neighbour, 'rejected', message)
}
