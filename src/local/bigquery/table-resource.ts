import { z } from 'zod'
import { invalid } from './replies.ts'
import { RestSchema, readSchema, showSchema, type Field } from './schema.ts'

const TimePartitioning = z.object({
  type: z.literal('DAY'),
  field: z.string(),
  requirePartitionFilter: z.boolean().optional(),
  expirationMs: z.string().optional(),
})

/** What of a table's resource the stand-in keeps; what it does not know, it refuses to forget. */
const given = {
  schema: RestSchema.optional(),
  timePartitioning: TimePartitioning.optional(),
  requirePartitionFilter: z.boolean().optional(),
  clustering: z.object({ fields: z.array(z.string()).min(1).max(4) }).optional(),
  description: z.string().nullish(),
  friendlyName: z.string().nullish(),
  labels: z.record(z.string(), z.string()).optional(),
  tableReference: z.object({ tableId: z.string() }).loose().optional(),
  kind: z.string().optional(),
  location: z.string().optional(),
}

export const NewTable = z.strictObject({
  ...given,
  tableReference: z.object({ tableId: z.string().regex(/^[\w-]{1,1024}$/) }).loose(),
})
export const TablePatch = z.strictObject(given)

export interface Partitioning {
  field: string
  type: 'DATE' | 'TIMESTAMP'
}

/** A table as it is kept, in the REST API's form. */
export interface TableResource {
  schema: z.infer<typeof RestSchema>
  timePartitioning?: z.infer<typeof TimePartitioning> | undefined
  requirePartitionFilter?: boolean | undefined
  clustering?: { fields: string[] } | undefined
  description?: string | null | undefined
  friendlyName?: string | null | undefined
  labels?: Record<string, string> | undefined
  creationTime: number
  lastModifiedTime: number
}

/** What is kept of what was sent. */
function settingsOf(given: z.infer<typeof TablePatch>) {
  const { tableReference: _reference, kind: _kind, location: _location, schema, ...rest } = given
  return { ...rest, ...(schema && { schema: showSchema(readSchema(schema)) }) }
}

export function newTableResource(given: z.infer<typeof NewTable>, now: number): TableResource {
  const { schema, ...rest } = settingsOf(given)
  if (!schema) throw invalid('The local stand-in for BigQuery keeps no table without a schema')
  const resource = { ...rest, schema, creationTime: now, lastModifiedTime: now }
  checkColumns(resource)
  return resource
}

/** Of the schema, columns may be added and relaxed, which the catalog checks. */
export function patchedResource(
  before: TableResource,
  given: z.infer<typeof TablePatch>,
  now: number,
): TableResource {
  const { timePartitioning } = given
  if (timePartitioning && timePartitioning.field !== before.timePartitioning?.field) {
    throw invalid('Cannot change partitioning spec for a table.')
  }
  const resource = { ...before, ...settingsOf(given), lastModifiedTime: now }
  checkColumns(resource)
  return resource
}

/** Partitioned and clustered by columns that are there and may serve so. */
function checkColumns(resource: TableResource): void {
  partitioningOf(resource)
  const fields = readSchema(resource.schema)
  for (const name of resource.clustering?.fields ?? []) {
    const field = fields.find((one) => one.name === name)
    if (!field) {
      throw invalid(`The field specified for clustering cannot be found in the schema: ${name}.`)
    }
    if (field.mode === 'REPEATED' || ['JSON', 'FLOAT64'].includes(field.type)) {
      throw invalid(`Clustering is not supported on columns of the type of ${name}.`)
    }
  }
}

export function partitioningOf(resource: TableResource): Partitioning | undefined {
  const name = resource.timePartitioning?.field
  if (name === undefined) return undefined
  const field = readSchema(resource.schema).find((one) => one.name === name)
  if (!field) {
    throw invalid(`The field specified for partitioning cannot be found in the schema: ${name}.`)
  }
  if ((field.type !== 'DATE' && field.type !== 'TIMESTAMP') || field.mode === 'REPEATED') {
    throw invalid(
      `The field specified for time partitioning must be of the type DATE or TIMESTAMP: ${name}.`,
    )
  }
  return { field: name, type: field.type }
}

export function requiresFilter(resource: TableResource): boolean {
  return (
    resource.requirePartitionFilter ?? resource.timePartitioning?.requirePartitionFilter ?? false
  )
}

export function fieldsOf(resource: TableResource): Field[] {
  return readSchema(resource.schema)
}
