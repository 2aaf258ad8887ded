import type { Pool } from 'pg'

/** Rows per table, to tell that nothing was stored. */
export async function countRows(admin: Pool): Promise<Record<string, number>> {
  const { rows } = await admin.query<{ name: string; count: string }>(`
    select c.relname::text as name, (xpath('/row/n/text()', query_to_xml(
      format('select count(*) as n from %I', c.relname), false, true, '')))[1]::text as count
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'`)
  return Object.fromEntries(rows.map(({ name, count }) => [name, Number(count)]))
}
