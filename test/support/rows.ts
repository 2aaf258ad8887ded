import type { Pool } from 'pg'

/**
 * Rows per table, to tell that nothing was stored. That somebody was denied or has read something is
 * recorded all the same, and left out: access-audit.test.ts counts it.
 */
export async function countRows(admin: Pool): Promise<Record<string, number>> {
  const { rows } = await admin.query<{ name: string; count: string }>(`
    select c.relname::text as name, (xpath('/row/n/text()', query_to_xml(
      format('select count(*) as n from %I%s', c.relname, case c.relname
        when 'audit_events' then $$ where action not in ('denied', 'read')$$ else '' end),
      false, true, '')))[1]::text as count
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'`)
  return Object.fromEntries(rows.map(({ name, count }) => [name, Number(count)]))
}
