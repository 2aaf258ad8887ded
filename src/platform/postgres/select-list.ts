interface Schema {
  readonly meta: { readonly properties: object }
}

/**
 * The columns of an entity for a hand-written SELECT, each under its property's name, so that rows
 * read past the ORM have the entity's shape and a new property needs no second mention. With `wanted`
 * only those.
 */
export function selectList(schema: Schema, alias: string, wanted?: ReadonlySet<string>): string {
  return propertiesOf(schema)
    .filter((property) => wanted?.has(property) ?? true)
    .map((property) => `${alias}.${columnOf(property)} as "${property}"`)
    .join(', ')
}

/** The columns of an entity, in the order of its properties. */
export function columnsIn(schema: Schema): string[] {
  return propertiesOf(schema).map(columnOf)
}

/** The other way round: an entity's properties by column, for `jsonb_populate_recordset`. */
export function rowOf(schema: Schema, entity: object): Record<string, unknown> {
  const values = new Map<string, unknown>(Object.entries(entity))
  return Object.fromEntries(
    propertiesOf(schema).map((property) => [columnOf(property), values.get(property)]),
  )
}

function propertiesOf(schema: Schema): string[] {
  return Object.keys(schema.meta.properties)
}

/** `storageSizeBytes` → `storage_size_bytes`, as the ORM's default naming strategy has it. */
function columnOf(property: string): string {
  return property.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase()
}
