/**
 * The sub-select makes the planner read the setting once per statement instead of once per row;
 * `nullif` turns the empty string that a used connection keeps into "no tenant", which sees nothing.
 */
const currentTenant = `(select nullif(current_setting('app.tenant_id', true), '')::uuid)`

/** SQL that hides a table's rows from all but the tenant in `column`, who gets `grants` on its own. */
export function isolate(table: string, column: string, grants: string): string {
  return `
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    create policy tenant_isolation on ${table} to app_tenant
      using (${column} = ${currentTenant}) with check (${column} = ${currentTenant});
    grant ${grants} on ${table} to app_tenant;`
}
