/**
 * The columns of an entity for a hand-written SELECT, each under its property's name, so that rows
 * read past the ORM have the entity's shape and a new property needs no second mention.
 */
export function selectList(
  schema: { readonly meta: { readonly properties: object } },
  alias: string,
): string {
  return Object.keys(schema.meta.properties)
    .map((property) => `${alias}.${columnOf(property)} as "${property}"`)
    .join(', ')
}

/** `storageSizeBytes` → `storage_size_bytes`, as the ORM's default naming strategy has it. */
function columnOf(property: string): string {
  return property.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase()
}
