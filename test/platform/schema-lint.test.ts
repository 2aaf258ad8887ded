import { type AnyEntity, type EntityName, MikroORM } from '@mikro-orm/postgresql'
import { readFile } from 'node:fs/promises'
import type { Pool } from 'pg'
import { expect, test } from 'vitest'
import { entities } from '../../src/app/entities.ts'
import { migrate } from '../../src/platform/postgres/migrate.ts'
import { emptyDatabase, testDatabase } from '../support/database.ts'
import { databaseRules, lintSchema } from '../support/schema-lint.ts'

test('the migrated schema has no finding', async () => {
  await using database = await testDatabase()
  expect(await lintSchema(database.admin)).toEqual([])
})

const condition = `(select nullif(current_setting('app.tenant_id', true), '')::uuid)`
const newTable = (columns: string) => `
  create table planted (tenant_id uuid not null references tenants (id), ${columns});
  alter table planted enable row level security;
  alter table planted force row level security;
  create policy own on planted to app_tenant
    using (tenant_id = ${condition}) with check (tenant_id = ${condition});`
const replacePolicy = (policy: string) =>
  `drop policy tenant_isolation on brands; create policy tenant_isolation on brands ${policy}`
const policyRule = 'app_tenant has one policy, of its own tenant, for reading and writing: brands'
const everybody = 'nothing is granted to everybody'

/** What goes wrong, how, and the one finding it must lead to. */
const faults: readonly (readonly [fault: string, plant: string, finding: string])[] = [
  [
    'a table without a tenant',
    'create table planted (id uuid)',
    'a table belongs to a tenant: planted',
  ],
  [
    'row-level security that does not bind the owner',
    'alter table brands no force row level security',
    'row-level security is enabled and forced: brands',
  ],
  [
    'row-level security that is off',
    'alter table tenants disable row level security',
    'row-level security is enabled and forced: tenants',
  ],
  ['a table without a policy', 'drop policy tenant_isolation on brands', policyRule],
  [
    'a policy that asks for the tenant once per row',
    replacePolicy(`to app_tenant using (tenant_id = current_setting('app.tenant_id', true)::uuid)
      with check (tenant_id = ${condition})`),
    policyRule,
  ],
  [
    'a policy that does not check what is written',
    replacePolicy(`to app_tenant using (tenant_id = ${condition})`),
    policyRule,
  ],
  [
    'a policy that lets any row be written',
    replacePolicy(`to app_tenant using (tenant_id = ${condition}) with check (true)`),
    policyRule,
  ],
  ['a second policy beside the first', 'create policy more on brands using (true)', policyRule],
  [
    'a policy that lets app_system write',
    'create policy more on brands to app_system using (true)',
    'app_system reads where it finds work and nowhere else: brands more',
  ],
  [
    'a foreign key past the tenant',
    `create unique index past on brands (tenant_id, id, name);
     ${newTable(`brand_id uuid, name text, constraint fk_past
       foreign key (brand_id, tenant_id) references brands (id, tenant_id)`)}`,
    'a foreign key begins with the tenant on both sides: fk_past',
  ],
  [
    'a foreign key that clears the tenant',
    newTable(`brand_id uuid, constraint fk_clears foreign key (tenant_id, brand_id)
      references brands (tenant_id, id) on delete set null`),
    'a foreign key never clears the tenant: fk_clears',
  ],
  [
    'a unique key across tenants',
    newTable('slug text constraint uq_slug unique'),
    'a unique key begins with the tenant: uq_slug',
  ],
  [
    'a unique index over an expression',
    'create unique index uq_lower on brands (lower(name), tenant_id)',
    'a unique key begins with the tenant: uq_lower',
  ],
  [
    'a login that passes row-level security',
    'alter role gateway_login bypassrls',
    'a role of the gateway has no power of its own: gateway_login',
  ],
  [
    'a login that inherits what it may become',
    'alter role gateway_login inherit',
    'a role of the gateway has no power of its own: gateway_login',
  ],
  [
    'a superuser at work',
    'alter role app_tenant superuser',
    'a role of the gateway has no power of its own: app_tenant',
  ],
  [
    'a login that may become the owner',
    'grant gateway_owner to gateway_login with inherit false',
    'a role of the gateway becomes app_tenant, app_system, app_queue or app_relay and no other: gateway_login in gateway_owner',
  ],
  [
    'a table that belongs to a role at work',
    `grant create on schema public to app_tenant;
     alter table brands owner to app_tenant;
     revoke create on schema public from app_tenant;
     revoke truncate, references, trigger, maintain on brands from app_tenant`,
    'a role of the gateway owns nothing: app_tenant owns table brands',
  ],
  [
    'a truncate that no policy stops',
    'grant truncate on brands to app_tenant',
    'app_tenant works on rows of tenant tables only: brands TRUNCATE',
  ],
  [
    'a grant outside the tenant tables',
    'grant select on mikro_orm_migrations to app_tenant',
    'app_tenant works on rows of tenant tables only: mikro_orm_migrations SELECT',
  ],
  [
    'a title for app_system',
    'grant select (title) on content_items to app_system',
    'app_system reads ids, states and times: content_items title SELECT',
  ],
  [
    'a whole table for app_system',
    'grant select on content_write_intents to app_system',
    'app_system reads ids, states and times: content_write_intents SELECT',
  ],
  [
    'a grant to the login itself',
    'grant select on brands to gateway_login',
    'gateway_login is granted nothing: brands SELECT',
  ],
  [
    'a tenant table for app_queue',
    'grant select on brands to app_queue',
    'app_queue works on the task queue only, and nobody else does: brands SELECT',
  ],
  [
    'the task queue for app_tenant',
    'grant select on pgboss.job to app_tenant',
    'app_queue works on the task queue only, and nobody else does: job SELECT',
  ],
  [
    'a title for app_relay',
    'grant select (title) on content_items to app_relay',
    'app_relay sees and notes what becomes of events, and nobody else does: content_items title SELECT',
  ],
  [
    'an event that app_relay gives to another content',
    'grant update (content_id) on backup_outbox to app_relay',
    'app_relay sees and notes what becomes of events, and nobody else does: backup_outbox content_id UPDATE',
  ],
  [
    'the batches for app_tenant',
    'grant select on relay.batches to app_tenant',
    'app_relay sees and notes what becomes of events, and nobody else does: batches app_tenant SELECT',
  ],
  [
    'a policy that opens contents to app_relay',
    'create policy more on content_items for select to app_relay using (true)',
    'app_system reads where it finds work and nowhere else: content_items more',
  ],
  ['a grant to everybody', 'grant select on brands to public', `${everybody}: brands SELECT`],
  [
    'a function anybody may call',
    'create function planted() returns int language sql return 1',
    `${everybody}: function planted()`,
  ],
  [
    'a schema anybody may write to',
    'grant create on schema public to app_tenant',
    'a role of the gateway creates nothing: app_tenant',
  ],
  [
    'a view that asks as its owner',
    'create view planted as select * from brands',
    'a view asks as its reader: planted',
  ],
  [
    'a function that runs as its owner',
    `create function planted() returns int language sql security definer return 1;
     revoke all on function planted() from public`,
    'a function that runs as its owner is known and keeps its search path: planted()',
  ],
]

test('the lint finds each planted fault and nothing else', async () => {
  await using database = await testDatabase()
  const findings = new Map<string, string[]>()
  for (const [fault, plant] of faults) {
    findings.set(fault, await lintWith(database.admin, plant))
  }
  expect(findings).toEqual(new Map(faults.map(([fault, , finding]) => [fault, [finding]])))
})

/** Plants in a transaction that is rolled back, so that roles of the whole server may be planted too. */
async function lintWith(admin: Pool, plant: string): Promise<string[]> {
  const client = await admin.connect()
  try {
    await client.query('begin')
    await client.query(plant)
    return await lintSchema(client)
  } finally {
    await client.query('rollback')
    client.release()
  }
}

const relationsSql = `
  select c.relname::text as name from pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relname not like 'mikro_orm_migrations%'
  union all select p.proname::text from pg_proc p where p.pronamespace = 'public'::regnamespace
  union all select t.typname::text from pg_type t
    where t.typnamespace = 'public'::regnamespace and t.typname not like '%mikro_orm_migrations'
  union all select n.nspname::text from pg_namespace n where n.nspname in ('pgboss', 'relay')`

async function namesIn(admin: Pool): Promise<string[]> {
  const { rows } = await admin.query<{ name: string }>(`${relationsSql} order by 1`)
  return rows.map(({ name }) => name)
}

test('migrations run up, down to nothing and up again, with the same schema', async () => {
  await using database = await emptyDatabase()
  const roles = await readFile(new URL('../../migrations/roles.sql', import.meta.url), 'utf8')
  await database.admin.query(roles)

  const up = await migrate(database.ownerUrl)
  const first = await namesIn(database.admin)
  expect(up.length).toBeGreaterThan(0)
  expect(first).toContain('content_items')
  expect(await lintSchema(database.admin, databaseRules)).toEqual([])

  expect((await migrate(database.ownerUrl, '0')).toSorted()).toEqual(up.toSorted())
  expect(await namesIn(database.admin)).toEqual([])

  expect(await migrate(database.ownerUrl)).toEqual(up)
  expect(await namesIn(database.admin)).toEqual(first)
  expect(await lintSchema(database.admin, databaseRules)).toEqual([])
  expect(await migrate(database.ownerUrl)).toEqual([])
})

const columnsSql = `
  select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type,
    not a.attnotnull as nullable,
    coalesce(a.attnum = any(k.conkey), false) as "isPrimary"
  from pg_attribute a
    left join pg_constraint k on k.conrelid = a.attrelid and k.contype = 'p'
  where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
  order by 1`

/** How PostgreSQL spells the types that entities are declared with. */
const spelling: Record<string, string> = {
  int: 'integer',
  'timestamptz(3)': 'timestamp(3) with time zone',
}

test('the entities are what the migrations made', async () => {
  await using database = await testDatabase()
  const orm = await MikroORM.init({ clientUrl: database.loginUrl, entities })
  await using _orm = { [Symbol.asyncDispose]: () => orm.close() }
  for (const entity of entities as EntityName<AnyEntity>[]) {
    const { tableName, props } = orm.getMetadata().get(entity)
    const declared = props
      .map(({ fieldNames, columnTypes, nullable = false, primary = false }) => ({
        name: fieldNames[0] ?? '',
        type: spelling[columnTypes[0] ?? ''] ?? columnTypes[0],
        nullable,
        isPrimary: primary,
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    const { rows } = await database.admin.query(columnsSql, [tableName])
    expect({ tableName, columns: declared }).toEqual({ tableName, columns: rows })
  }
})
