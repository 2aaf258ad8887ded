import type { ClientBase, Pool } from 'pg'

const appRoles = list(['gateway_login', 'app_tenant', 'app_system', 'app_queue', 'app_relay'])

/** What `app_system` may see of a row: enough to find work, nothing to read. */
const systemColumns = list([
  'id',
  'tenant_id',
  'state',
  'status',
  'lease_expires_at',
  'scheduled_at',
  'unpublish_at',
  'deleted_at',
  'expired_at',
  'expires_at',
  'documents_removed_at',
  'completed_at',
  'resolved_at',
  'kind',
  'day',
  'master_key',
  'created_at',
  'backed_up_at',
  'total_storage_bytes',
  'total_media_storage_bytes',
])

/** What `app_relay` may change of an event: never whose it is, or of what. */
const relayNotes = list(['batch_id', 'attempts', 'backed_up_at', 'quarantined_at', 'error'])

/** Functions that may run as their owner, past row-level security. */
const definerFunctions = list([])

/** The one condition of every policy, as PostgreSQL prints it. */
const ownTenant = `'(' || t.tenant_column || ' = ( SELECT (NULLIF(current_setting(''app.tenant_id''::text, true), ''''::text))::uuid AS "nullif"))'`

function list(names: readonly string[]): string {
  return `array[${names.map((name) => `'${name}'`).join(', ')}]::text[]`
}

function columnName(table: string, number: string): string {
  return `(select a.attname::text from pg_attribute a where a.attrelid = ${table} and a.attnum = ${number})`
}

/**
 * What the database must be like for row-level security to hold, whatever the code above it does.
 * Each rule is a query over the catalogue of the schema `public` that answers one text per offence.
 */
const rules: Record<string, string> = {
  'a table belongs to a tenant': `
    select name from tables where tenant_column is null and name <> all(${list(['mikro_orm_migrations'])})`,

  'row-level security is enabled and forced': `
    select name from tenant_tables t join pg_class c on c.oid = t.oid
    where not (c.relrowsecurity and c.relforcerowsecurity)`,

  'app_tenant has one policy, of its own tenant, for reading and writing': `
    select t.name from tenant_tables t left join pg_policy p
      on p.polrelid = t.oid and p.polpermissive
        and p.polroles && array[0::oid, 'app_tenant'::regrole::oid]
    group by t.oid, t.name, t.tenant_column
    having count(p) <> 1
      or bool_or(p.polcmd <> '*' or p.polroles <> array['app_tenant'::regrole::oid])
      or bool_or(pg_get_expr(p.polqual, t.oid) is distinct from ${ownTenant})
      or bool_or(pg_get_expr(p.polwithcheck, t.oid) is distinct from ${ownTenant})`,

  'app_system reads where it finds work and nowhere else': `
    select t.name || ' ' || p.polname from tenant_tables t join pg_policy p on p.polrelid = t.oid
    where p.polroles <> array['app_tenant'::regrole::oid]
      and not (p.polroles = array['app_system'::regrole::oid] and p.polcmd = 'r')
      and not (p.polroles = array['app_relay'::regrole::oid] and p.polcmd in ('r', 'w')
        and t.name = 'backup_outbox')
      and not p.polroles && array[0::oid, 'app_tenant'::regrole::oid]`,

  'a foreign key begins with the tenant on both sides': `
    select con.conname from pg_constraint con
      join tenant_tables child on child.oid = con.conrelid
      join tenant_tables parent on parent.oid = con.confrelid
    where con.contype = 'f' and (
      ${columnName('con.conrelid', 'con.conkey[1]')} is distinct from child.tenant_column
      or ${columnName('con.confrelid', 'con.confkey[1]')} is distinct from parent.tenant_column
      or cardinality(con.conkey) <> case parent.name when 'tenants' then 1 else 2 end)`,

  'a foreign key never clears the tenant': `
    select con.conname from pg_constraint con join tenant_tables child on child.oid = con.conrelid
    where con.contype = 'f' and (con.confdeltype in ('n', 'd') or con.confupdtype in ('n', 'd'))
      and exists (
        select from unnest(coalesce(con.confdelsetcols, con.conkey)) k (number)
        where ${columnName('con.conrelid', 'k.number')} = child.tenant_column
      )`,

  'a unique key begins with the tenant': `
    select i.indexrelid::regclass::text from pg_index i join tenant_tables t on t.oid = i.indrelid
    where i.indisunique
      and ${columnName('i.indrelid', 'i.indkey[0]')} is distinct from t.tenant_column`,

  'a role of the gateway has no power of its own': `
    select rolname::text from pg_roles where rolname = any(${appRoles}) and (
      rolsuper or rolbypassrls or rolinherit or rolcreaterole or rolcreatedb or rolreplication
      or rolcanlogin <> (rolname = 'gateway_login'))`,

  'a role of the gateway becomes app_tenant, app_system, app_queue or app_relay and no other': `
    select m.member::regrole || ' in ' || m.roleid::regrole from pg_auth_members m
    where m.member in (select oid from app_roles) and not (
      m.member = 'gateway_login'::regrole and m.set_option
      and m.roleid in ('app_tenant'::regrole, 'app_system'::regrole, 'app_queue'::regrole,
        'app_relay'::regrole)
      and not m.inherit_option and not m.admin_option)
    union
    select m.member::regrole || ' in ' || m.roleid::regrole from pg_auth_members m
    where m.roleid in ('gateway_owner'::regrole, 'gateway_login'::regrole)`,

  'a role of the gateway owns nothing': `
    select r.name || ' owns ' || pg_describe_object(d.classid, d.objid, d.objsubid)
    from pg_shdepend d join app_roles r on r.oid = d.refobjid
    where d.refclassid = 'pg_authid'::regclass and d.deptype = 'o'
      and d.dbid in (0, (select oid from pg_database where datname = current_database()))`,

  'app_tenant works on rows of tenant tables only': `
    select g.relation || ' ' || g.privilege from grants g left join tenant_tables t on t.oid = g.oid
    where g.grantee = 'app_tenant' and g.number is null and (
      t.oid is null or g.grantable
      or g.privilege not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))`,

  'app_system reads ids, states and times': `
    select concat_ws(' ', g.relation, g.column_name, g.privilege) from grants g
    where g.grantee = 'app_system' and (
      g.privilege <> 'SELECT' or g.grantable
      or coalesce(g.column_name, '') <> all(${systemColumns}))`,

  'gateway_login is granted nothing': `
    select g.relation || ' ' || g.privilege from grants g where g.grantee = 'gateway_login'`,

  'app_queue works on the task queue only, and nobody else does': `
    select g.relation || ' ' || g.privilege from grants g where g.grantee = 'app_queue'
    union all
    select n.nspname || ' ' || a.privilege_type from pg_namespace n, aclexplode(n.nspacl) a
    where (n.nspname = 'pgboss' or a.grantee = 'app_queue'::regrole) and a.grantee <> n.nspowner
      and not (n.nspname = 'pgboss' and a.grantee = 'app_queue'::regrole
        and a.privilege_type = 'USAGE')
    union all
    select c.relname || ' ' || a.privilege_type
    from pg_class c, aclexplode(c.relacl) a
    where c.relnamespace = to_regnamespace('pgboss') and a.grantee <> c.relowner and not (
      a.grantee = 'app_queue'::regrole and not a.is_grantable
      and a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))`,

  'app_relay sees and notes what becomes of events, and nobody else does': `
    select concat_ws(' ', g.relation, g.column_name, g.privilege) from grants g
    where g.grantee = 'app_relay' and (
      g.relation <> 'backup_outbox' or g.column_name is null or g.grantable
      or g.privilege not in ('SELECT', 'UPDATE')
      or g.privilege = 'UPDATE' and g.column_name <> all(${relayNotes}))
    union all
    select n.nspname || ' ' || a.grantee::regrole || ' ' || a.privilege_type
    from pg_namespace n, aclexplode(n.nspacl) a
    where n.nspname = 'relay' and a.grantee <> n.nspowner and not (
      a.grantee in ('app_relay'::regrole, 'app_system'::regrole) and a.privilege_type = 'USAGE')
    union all
    select c.relname || ' ' || a.grantee::regrole || ' ' || a.privilege_type
    from pg_class c, aclexplode(c.relacl) a
    where c.relnamespace = to_regnamespace('relay') and a.grantee <> c.relowner and not (
      not a.is_grantable and (
        a.grantee = 'app_relay'::regrole
          and a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        or a.grantee = 'app_system'::regrole and a.privilege_type = 'SELECT'
          and c.relname = 'status'))`,

  'app_system notes how the stores fare, app_tenant reads it, and nobody else does': `
    select n.nspname || ' ' || a.grantee::regrole || ' ' || a.privilege_type
    from pg_namespace n, aclexplode(n.nspacl) a
    where n.nspname = 'stores' and a.grantee <> n.nspowner and not (
      a.grantee in ('app_system'::regrole, 'app_tenant'::regrole) and a.privilege_type = 'USAGE')
    union all
    select c.relname || ' ' || a.grantee::regrole || ' ' || a.privilege_type
    from pg_class c, aclexplode(c.relacl) a
    where c.relnamespace = to_regnamespace('stores') and a.grantee <> c.relowner and not (
      not a.is_grantable and (
        a.grantee = 'app_system'::regrole
          and a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        or a.grantee = 'app_tenant'::regrole and a.privilege_type = 'SELECT'))
    union all
    select c.relname || ' belongs to a tenant' from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
    where c.relnamespace = to_regnamespace('stores')`,

  'nothing is granted to everybody': `
    select g.relation || ' ' || g.privilege from grants g where g.grantee = 'public'
    union all
    select 'schema ' || a.privilege_type from pg_namespace n, aclexplode(n.nspacl) a
    where n.nspname = 'public' and a.grantee = 0
    union all
    select 'function ' || p.oid::regprocedure from functions p,
      aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0
    union all
    select 'default ' || a.privilege_type from pg_default_acl d, aclexplode(d.defaclacl) a
    where a.grantee = 0 or a.grantee in (select oid from app_roles)`,

  'a role of the gateway creates nothing': `
    select r.name from pg_namespace n, aclexplode(n.nspacl) a, app_roles r
    where n.nspname = 'public' and a.grantee = r.oid and a.privilege_type = 'CREATE'`,

  'a view asks as its reader': `
    select c.oid::regclass::text from pg_class c
    where c.relnamespace = 'public'::regnamespace and (
      c.relkind = 'm'
      or c.relkind = 'v'
        and not coalesce(c.reloptions, '{}') && '{security_invoker=true,security_invoker=on}')`,

  'a function that runs as its owner is known and keeps its search path': `
    select p.oid::regprocedure::text from functions p where p.prosecdef and (
      p.proname <> all(${definerFunctions})
      or not exists (select from unnest(p.proconfig) setting where setting like 'search_path=%'))`,
}

/** Of a database that `roles.sql` prepared; a clone of one has the rights every new database has. */
export const databaseRules: Record<string, string> = {
  'the database opens to gateway_login only, for connecting': `
    select case a.grantee when 0 then 'public' else a.grantee::regrole::text end || ' ' || a.privilege_type
    from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
    where d.datname = current_database() and a.grantee <> d.datdba
      and not (a.grantee = 'gateway_login'::regrole and a.privilege_type = 'CONNECT')`,
}

/** Names the rules refer to: tables with their tenant column, roles, and every grant spelled out. */
const vocabulary = `
  with app_roles as (
    select oid, rolname::text as name from pg_roles where rolname = any(${appRoles})
  ), tables as (
    select c.oid, c.relname::text as name, case c.relname when 'tenants' then 'id' else (
      select a.attname::text from pg_attribute a
      where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    ) end as tenant_column
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'f')
  ), tenant_tables as (
    select * from tables where tenant_column is not null
  ), functions as (
    select p.* from pg_proc p where p.pronamespace = 'public'::regnamespace
      and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
  ), acls as (
    select c.oid, null::smallint as number, c.relacl as acl from pg_class c
    where c.relnamespace = 'public'::regnamespace
    union all
    select a.attrelid, a.attnum, a.attacl from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'public'::regnamespace
  ), grants as (
    select acls.oid, acls.number, acls.oid::regclass::text as relation,
      ${columnName('acls.oid', 'acls.number')} as column_name,
      case a.grantee when 0 then 'public' else a.grantee::regrole::text end as grantee,
      a.privilege_type as privilege, a.is_grantable as grantable
    from acls, aclexplode(acls.acl) a
  )`

/** Every offence as `rule: object`; none on a sound database. Needs a superuser's eyes. */
export async function lintSchema(
  database: Pool | ClientBase,
  more: Record<string, string> = {},
): Promise<string[]> {
  const queries = Object.entries({ ...rules, ...more }).map(
    ([rule, sql]) => `select '${rule}' as rule, offence::text from (${sql}) found (offence)`,
  )
  const { rows } = await database.query<{ rule: string; offence: string }>(
    `${vocabulary} ${queries.join(' union all ')} order by 1, 2`,
  )
  return rows.map(({ rule, offence }) => `${rule}: ${offence}`)
}
