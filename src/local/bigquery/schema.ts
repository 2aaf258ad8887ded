import { z } from 'zod'
import { invalid } from './replies.ts'
import { findTypeName, restName, type TypeName } from './types.ts'

export interface Field {
  name: string
  type: TypeName
  mode: 'NULLABLE' | 'REQUIRED' | 'REPEATED'
  description?: string
}

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema */
const RestField = z.object({
  name: z.string(),
  type: z.string(),
  mode: z.enum(['NULLABLE', 'REQUIRED', 'REPEATED']).optional(),
  description: z.string().optional(),
})

export const RestSchema = z.object({ fields: z.array(RestField).min(1) })

/** The fields as they are kept; refuses types that the stand-in does not know. */
export function readSchema({ fields }: z.infer<typeof RestSchema>): Field[] {
  const seen = new Set<string>()
  return fields.map(({ name, type, mode = 'NULLABLE', description }) => {
    if (!/^[a-z_]\w{0,299}$/i.test(name)) {
      throw invalid(
        `Invalid field name "${name}". Fields must contain only letters, numbers, and ` +
          'underscores, start with a letter or underscore, and be at most 300 characters long.',
      )
    }
    if (seen.has(name.toLowerCase())) {
      throw invalid(`Field ${name} already exists in schema`)
    }
    seen.add(name.toLowerCase())
    const known = findTypeName(type)
    if (!known) throw invalid(`${type} is not a type that the local stand-in for BigQuery knows`)
    return { name, type: known, mode, ...(description !== undefined && { description }) }
  })
}

export function showSchema(fields: readonly Field[]) {
  return { fields: fields.map((field) => ({ ...field, type: restName(field.type) })) }
}

/**
 * What may be changed of a schema: columns added at the end, REQUIRED relaxed, descriptions.
 * https://cloud.google.com/bigquery/docs/managing-table-schemas
 */
export function checkSchemaChange(
  table: string,
  before: readonly Field[],
  after: readonly Field[],
) {
  const mismatch = (text: string) =>
    invalid(`Provided Schema does not match Table ${table}. ${text}`)
  for (const old of before) {
    const now = after.find(({ name }) => name === old.name)
    if (!now) throw mismatch(`Field ${old.name} is missing in new schema`)
    if (now.type !== old.type) {
      throw mismatch(
        `Field ${old.name} has changed type from ${restName(old.type)} to ${restName(now.type)}`,
      )
    }
    if (now.mode !== old.mode && !(old.mode === 'REQUIRED' && now.mode === 'NULLABLE')) {
      throw mismatch(`Field ${old.name} has changed mode from ${old.mode} to ${now.mode}`)
    }
  }
  for (const { name, mode } of after) {
    if (mode === 'REQUIRED' && !before.some((old) => old.name === name)) {
      throw mismatch(`Cannot add required fields to an existing schema. (field: ${name})`)
    }
  }
}
