/** A DuckDB identifier. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
