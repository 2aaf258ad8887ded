import { Migration } from '@mikro-orm/migrations'
import { isolate } from './support/tenant-isolation.ts'

/** Tables with a `tenant_id`, and what the tenant's role may do with their rows. */
const tenantTables = {
  data_keys: 'select, insert, update',
  llm_keys: 'select, insert, update, delete',
} as const

export class AddLlmKeys extends Migration {
  override up(): void {
    this.addSql(`
      create table data_keys (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        wrapped_key text not null,
        master_key text not null,
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, id)
      );
      comment on table data_keys is
        'What a tenant''s secrets are sealed with, itself wrapped under a master key kept elsewhere';
      comment on column data_keys.master_key is 'The name of the master key that wraps it';
      create unique index uq_data_keys_tenant on data_keys (tenant_id);
      create index idx_data_keys_master_key on data_keys (master_key);

      create table llm_keys (
        tenant_id uuid not null references tenants (id) on delete cascade,
        id uuid not null,
        provider text not null check (provider in ('openai', 'anthropic', 'google', 'compatible')),
        label text not null,
        last4 text not null,
        data_key_id uuid not null,
        sealed_secret text not null,
        created_by_user_id uuid,
        created_at timestamptz(3) not null default now(),
        last_used_at timestamptz(3),
        rejected_at timestamptz(3),
        primary key (tenant_id, id),
        unique (tenant_id, provider, label),
        foreign key (tenant_id, data_key_id) references data_keys (tenant_id, id),
        foreign key (tenant_id, created_by_user_id) references users (tenant_id, id)
          on delete set null (created_by_user_id)
      );
      comment on column llm_keys.sealed_secret is
        'AES-256-GCM under the data key; tenant, key id, purpose and version are authenticated with it';
      comment on column llm_keys.rejected_at is 'When its provider last refused it';

      alter table brands
        add column voice text,
        add column forbidden_words text[] not null default '{}';
      grant update (voice, forbidden_words) on brands to app_tenant;
    `)
    for (const [table, grants] of Object.entries(tenantTables)) {
      this.addSql(isolate(table, 'tenant_id', grants))
    }
    this.addSql(`
      create policy find_work on data_keys for select to app_system using (true);
      grant select (tenant_id, master_key) on data_keys to app_system;
    `)
  }

  override down(): void {
    this.addSql(`
      drop table llm_keys;
      drop table data_keys;
      revoke update (voice, forbidden_words) on brands from app_tenant;
      alter table brands drop column voice, drop column forbidden_words;
    `)
  }
}
