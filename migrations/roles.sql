-- Run once by an administrator on the gateway's database; safe to repeat. Passwords are set apart.
--
--   gateway_owner   owns the schema, runs migrations, and is used for nothing else
--   gateway_login   what the gateway connects as: it owns nothing and is granted nothing
--   app_tenant      what it becomes for one transaction, bound to one tenant by row-level security
--   app_system      what it becomes to find work across tenants: ids and leases, no content
--   app_queue       what it becomes to ring for work and to hear it: the task queue, nothing of a tenant
--   app_relay       what it becomes to bring events to the recovery copy: which travel together, no content
do $$
declare
  name text;
begin
  foreach name in array array[
    'gateway_owner', 'gateway_login', 'app_tenant', 'app_system', 'app_queue', 'app_relay'
  ] loop
    if not exists (select from pg_roles where rolname = name) then
      execute format('create role %I', name);
    end if;
    execute format('alter role %I nosuperuser nobypassrls nocreaterole nocreatedb noinherit', name);
  end loop;
  alter role gateway_owner login;
  alter role gateway_login login;
  grant app_tenant, app_system, app_queue, app_relay to gateway_login with inherit false, set true;
  execute format('alter database %I owner to gateway_owner', current_database());
  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect on database %I to gateway_login', current_database());
  alter schema public owner to gateway_owner;
  revoke all on schema public from public;
  grant usage on schema public to app_tenant, app_system, app_relay;
end
$$;
