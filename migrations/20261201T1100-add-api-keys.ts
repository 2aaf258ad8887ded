import { Migration } from '@mikro-orm/migrations'
import { isolate } from './support/tenant-isolation.ts'

/** Tables with a `tenant_id`, parents first, and what the tenant's role may do with their rows. */
const tenantTables = {
  api_keys: 'select, insert, update',
  api_key_usage: 'select, insert, update',
} as const

export class AddApiKeys extends Migration {
  override up(): void {
    this.addSql(`
      create table api_keys (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        name text not null,
        scopes text[] not null check (cardinality(scopes) > 0),
        brand_ids uuid[],
        secret_hash text not null,
        previous_secret_hash text,
        previous_valid_until timestamptz(3),
        expires_at timestamptz(3),
        revoked_at timestamptz(3),
        last_used_at timestamptz(3),
        cost_limit integer not null check (cost_limit between 2000 and 1000000),
        trusted_documents_only boolean not null,
        allowed_ips text[],
        created_by_user_id uuid,
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, id),
        check ((previous_secret_hash is null) = (previous_valid_until is null)),
        foreign key (tenant_id, created_by_user_id) references users (tenant_id, id)
          on delete set null (created_by_user_id)
      );
      comment on column api_keys.secret_hash is 'HMAC-SHA-256 under a pepper kept elsewhere';
      comment on column api_keys.brand_ids is 'Null for every brand';
      comment on column api_keys.allowed_ips is 'Addresses and CIDR ranges; null for every address';
      -- Who comes with a key does not say whose it is.
      create index idx_api_keys_id on api_keys (id);

      create table api_key_usage (
        tenant_id uuid not null,
        api_key_id uuid not null,
        day date not null,
        operation_name text not null,
        document_id text not null,
        calls bigint not null,
        cost bigint not null,
        errors bigint not null,
        latencies bigint[] not null,
        primary key (tenant_id, api_key_id, day, operation_name, document_id),
        foreign key (tenant_id, api_key_id) references api_keys (tenant_id, id) on delete cascade
      );
      comment on column api_key_usage.day is 'In UTC';
      comment on column api_key_usage.operation_name is 'Empty for an operation without a name';
      comment on column api_key_usage.document_id is 'Empty for a document that is no trusted one';
      comment on column api_key_usage.latencies is 'Calls in each step of a fixed scale';

      alter table audit_events add column actor_api_key_id uuid;
    `)
    for (const [table, grants] of Object.entries(tenantTables)) {
      this.addSql(isolate(table, 'tenant_id', grants))
    }
    this.addSql(`
      create policy find_work on api_keys for select to app_system using (true);
      grant select (tenant_id, id) on api_keys to app_system;
    `)
  }

  override down(): void {
    this.addSql(`
      alter table audit_events drop column actor_api_key_id;
      drop table api_key_usage;
      drop table api_keys;
    `)
  }
}
